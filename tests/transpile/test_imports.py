"""Imported models against the libraries they come from, in the interpreter and in C."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transpile_graphs import model_of

from lamarr.errors import ModelError
from lamarr.transpile import Graph, evaluate
from lamarr.transpile.c import compile_models
from lamarr.transpile.imports import import_sklearn, import_torch

sklearn = pytest.importorskip("sklearn")
from sklearn import compose, ensemble, linear_model, neural_network, pipeline, preprocessing, tree

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3000, 4)).astype(np.float32)
X[:, 3] = RNG.integers(0, 2, 3000)  # a flag
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 3] + 0.1 * RNG.normal(size=3000)
FEW = (Y > -0.5).astype(int) + (Y > 0.5)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    """Threads that wait for each other on a busy machine take minutes."""
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1):
        yield


def _mixed() -> Any:
    inner = pipeline.make_pipeline(preprocessing.PowerTransformer(), preprocessing.MinMaxScaler(clip=True))
    columns = [
        ("a", preprocessing.QuantileTransformer(output_distribution="normal", n_quantiles=200), [0, 1]),
        ("b", inner, slice(2, 3)),
        ("c", preprocessing.FunctionTransformer(np.arcsinh), [2]),
        ("d", "drop", [1]),
    ]
    return pipeline.make_pipeline(
        compose.ColumnTransformer(columns, remainder="passthrough"), preprocessing.StandardScaler()
    )


TRANSFORMERS = {
    "standard": preprocessing.StandardScaler(),
    "no_mean": preprocessing.StandardScaler(with_mean=False),
    "min_max": preprocessing.MinMaxScaler((-1, 2)),
    "max_abs": preprocessing.MaxAbsScaler(),
    "robust": preprocessing.RobustScaler(),
    "uniform": preprocessing.QuantileTransformer(n_quantiles=100),
    "normal": preprocessing.QuantileTransformer(n_quantiles=500, output_distribution="normal"),
    "yeo_johnson": preprocessing.PowerTransformer(),
    "log1p": pipeline.make_pipeline(
        preprocessing.MinMaxScaler(), preprocessing.FunctionTransformer(np.log1p)
    ),
    "box_cox": pipeline.make_pipeline(
        preprocessing.MinMaxScaler((0.5, 3)), preprocessing.PowerTransformer("box-cox", standardize=False)
    ),
    "union": pipeline.make_union(preprocessing.StandardScaler(), preprocessing.MinMaxScaler()),
    "mixed": _mixed(),
}
REGRESSORS = {
    "tree": tree.DecisionTreeRegressor(max_depth=6),
    "forest": ensemble.RandomForestRegressor(20, max_depth=6),
    "boosted": ensemble.GradientBoostingRegressor(n_estimators=30),
    "histogram": ensemble.HistGradientBoostingRegressor(max_iter=30),
    "linear": linear_model.LinearRegression(),
    "perceptron": neural_network.MLPRegressor(hidden_layer_sizes=(16, 16), activation="tanh", max_iter=20),
}
CLASSIFIERS = {
    "tree": tree.DecisionTreeClassifier(max_depth=6),
    "forest": ensemble.RandomForestClassifier(20, max_depth=6),
    "boosted": ensemble.GradientBoostingClassifier(n_estimators=10),
    "histogram": ensemble.HistGradientBoostingClassifier(max_iter=10),
    "logistic": linear_model.LogisticRegression(),
    "perceptron": neural_network.MLPClassifier(hidden_layer_sizes=(16,), max_iter=20),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def agrees(graph: Graph, x: np.ndarray, expected: np.ndarray, tolerance: float = 3e-6) -> None:
    expected = np.asarray(expected, np.float64).reshape(len(x), -1)
    spread = np.maximum(expected.std(axis=0), 1e-3)
    off = np.abs(evaluate(graph, x=x) - expected) / spread
    assert off.max() <= tolerance, off.max(axis=0)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str) -> None:
    transformer = sklearn.clone(TRANSFORMERS[name]).fit(X)
    x = np.concatenate(
        [X[:500], 3 * RNG.normal(size=(200, 4)).astype(np.float32), X.min(0)[None], X.max(0)[None]]
    )
    # the steep map of the tails amplifies the rounding of quantiles to float32
    tolerance = {"uniform": 2e-5, "normal": 2e-4, "mixed": 2e-4}.get(name, 3e-6)
    if name in {"log1p", "box_cox"}:
        x = X
    agrees(import_sklearn(transformer), x, transformer.transform(x), tolerance)


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name: str) -> None:
    model = sklearn.clone(REGRESSORS[name]).fit(X, Y)
    agrees(import_sklearn(model), X, model.predict(X))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("target", ["two", "three"])
def test_classifiers(name: str, target: str) -> None:
    model = sklearn.clone(CLASSIFIERS[name]).fit(X, FEW if target == "three" else FEW > 0)
    agrees(import_sklearn(model), X, model.predict_proba(X))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("target", ["value", "two", "three"])
def test_lightgbm(target: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    options = {"n_estimators": 20, "verbose": -1, "n_jobs": 1}
    if target == "value":
        model = lightgbm.LGBMRegressor(**options).fit(X, Y)
        agrees(import_sklearn(model), X, model.predict(X))
    else:
        model = lightgbm.LGBMClassifier(**options).fit(X, FEW if target == "three" else FEW > 0)
        agrees(import_sklearn(model), X, model.predict_proba(X))


@pytest.mark.parametrize("target", ["value", "two", "three"])
def test_xgboost(target: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    options = {"n_estimators": 20, "n_jobs": 1}
    if target == "value":
        model = xgboost.XGBRegressor(**options).fit(X, Y)
        agrees(import_sklearn(model), X, model.predict(X))
        agrees(import_sklearn(model.get_booster()), X, model.predict(X))
    else:
        model = xgboost.XGBClassifier(**options).fit(X, FEW if target == "three" else FEW > 0)
        agrees(import_sklearn(model), X, model.predict_proba(X))


def test_xgboost_that_stopped_early() -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(n_estimators=100, n_jobs=1, early_stopping_rounds=2, learning_rate=1.0)
    model.fit(X[:2000], Y[:2000], eval_set=[(X[2000:], Y[2000:])], verbose=False)
    assert model.best_iteration < 90
    agrees(import_sklearn(model), X, model.predict(X))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"booster": "gblinear"}, "booster 'gblinear'"), ({"objective": "count:poisson"}, "count:poisson")],
)
def test_xgboost_that_cannot_be_imported(options: dict[str, str], words: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, **options).fit(X, np.abs(Y))
    with pytest.raises(ModelError, match=words):
        import_sklearn(model)


def test_a_pipeline_with_trees_in_c() -> None:
    model = pipeline.make_pipeline(_mixed(), ensemble.GradientBoostingClassifier(n_estimators=10)).fit(X, FEW)
    graph = import_sklearn(model)
    compiled = compile_models([model_of(graph, "pipeline")])["pipeline"]
    off = np.abs(compiled(X) - model.predict_proba(X)).max(axis=1)
    assert (off > 3e-6).sum() <= 3  # a threshold may lie within the rounding of the preprocessing


def test_what_cannot_be_imported_is_named() -> None:
    with pytest.raises(ModelError, match="Binarizer cannot be imported; these can: "):
        import_sklearn(preprocessing.Binarizer().fit(X))
    with pytest.raises(ModelError, match="must be fitted"):
        import_sklearn(preprocessing.StandardScaler())
    with pytest.raises(ModelError, match="'cbrt' cannot be imported"):
        import_sklearn(preprocessing.FunctionTransformer(np.cbrt).fit(X))


def test_torch_modules() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(1)
    activations = [
        nn.ReLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.SiLU(),
        nn.SELU(),
        nn.ELU(0.7),
        nn.GELU(),
        nn.PReLU(),
    ]
    activations += [nn.GELU("tanh"), nn.LeakyReLU(0.2), nn.Softplus(), nn.LayerNorm(8), nn.BatchNorm1d(8)]
    activations += [nn.PReLU(8), nn.Dropout(0.5), nn.Identity()]
    layers = [nn.Linear(4, 8)]
    for activation in activations:
        layers += [nn.Sequential(activation, nn.Linear(8, 8, bias=len(layers) % 2 == 0))]
    module = nn.Sequential(*layers, nn.Linear(8, 3), nn.Softmax(dim=-1))
    module(torch.randn(100, 4))  # gives the batch normalisation something to run on
    module.eval()
    with torch.no_grad():
        expected = module.double()(torch.from_numpy(X).double()).numpy()
    agrees(import_torch(module, 4), X, expected, 1e-4)


def test_torch_module_without_translation() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ModelError, match=r"torch's Conv1d cannot be imported(.|\n)*lower"):
        import_torch(torch.nn.Conv1d(1, 1, 1), 4)
