"""Tree ensembles of scikit-learn as one ``trees`` node; what those of other packages share with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError
from lamarr.transpile.graph import GraphBuilder, Value

__all__ = ["SKLEARN_TREES", "Forest", "add_trees", "probabilities", "shifted"]

SKLEARN_TREES = (
    *("DecisionTreeRegressor", "DecisionTreeClassifier", "RandomForestRegressor", "RandomForestClassifier"),
    *("ExtraTreesRegressor", "ExtraTreesClassifier", "GradientBoostingRegressor"),
    *("GradientBoostingClassifier", "HistGradientBoostingRegressor", "HistGradientBoostingClassifier"),
)


def below(threshold: Any) -> NDArray[np.float32]:
    """Return the largest float32 that is not above: then x <= threshold is the same for every float32 x."""
    exact = np.asarray(threshold, np.float64)
    near = exact.astype(np.float32)
    return np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)


@dataclass
class Forest:
    """Collects trees: nodes (column, threshold, left, right) and values (outputs)."""

    outputs: int
    nodes: list[list[float]] = field(default_factory=list)
    values: list[NDArray[Any]] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    depth: int = 0

    def leaf(self, value: NDArray[Any]) -> int:
        """Append a leaf; return its number."""
        k = len(self.nodes)
        self.nodes.append([0, 0, k, k])
        self.values.append(value)
        return k

    def branch(self, column: int, threshold: float) -> int:
        """Append a branch, whose children are set later."""
        k = self.leaf(np.zeros(self.outputs))
        self.nodes[k][:2] = [column, float(below(threshold))]
        return k

    def add_arrays(self, column: Any, threshold: Any, left: Any, right: Any, values: NDArray[Any]) -> None:
        """Append a tree in arrays; a leaf has a negative column, or itself as children."""
        start = len(self.nodes)
        leaf = (np.asarray(column) < 0) | (np.asarray(left) == np.asarray(right))
        for k, is_leaf in enumerate(leaf):
            if is_leaf:
                self.leaf(values[k])
            else:
                node = self.branch(int(column[k]), threshold[k])
                self.nodes[node][2:] = [start + int(left[k]), start + int(right[k])]
        self.finish(start)

    def finish(self, root: int) -> None:
        """Note a root, and how deep its tree is."""
        self.roots.append(root)
        level, depth = [root], -1
        while level:
            depth += 1
            inner = [k for k in level if self.nodes[k][2] != k]
            level = [int(c) for k in inner for c in self.nodes[k][2:]]
        self.depth = max(self.depth, depth)

    def add_to(self, b: GraphBuilder, x: Value) -> Value:
        """Append the node that sums up all trees."""
        arrays = {"nodes": self.nodes, "value": np.array(self.values), "roots": self.roots}
        return b.add("trees", x, attributes={"depth": self.depth}, **arrays)  # type: ignore[arg-type]


def _plain(forest: Forest, tree: Any, values: NDArray[Any]) -> None:
    forest.add_arrays(tree.feature, tree.threshold, tree.children_left, tree.children_right, values)


def _averaged(b: GraphBuilder, estimator: Any, x: Value) -> Value:
    trees = [e.tree_ for e in getattr(estimator, "estimators_", [estimator])]
    classifier = hasattr(estimator, "classes_")
    if (not classifier and trees[0].value.shape[2] != 1) or (classifier and trees[0].value.shape[1] != 1):
        raise ModelError(f"{type(estimator).__name__} of several outputs at once cannot be imported")
    forest = Forest(outputs=trees[0].value.shape[2] if classifier else trees[0].value.shape[1])
    for tree in trees:
        values = tree.value[:, 0, :] if classifier else tree.value[:, :, 0]
        values = values / values.sum(axis=1, keepdims=True) if classifier else values
        _plain(forest, tree, values / len(trees))
    return forest.add_to(b, x)


def probabilities(b: GraphBuilder, score: Value) -> Value:
    """Append both probabilities from one logit, or the softmax of several."""
    if score.width > 1:
        return b.add("softmax", score)
    return b.add("sigmoid", b.dense(score, [[-1.0, 1.0]], [0.0, 0.0]))


def shifted(b: GraphBuilder, x: Value, start: Any) -> Value:
    """Append a shift of each column, or of all alike."""
    shift = np.broadcast_to(np.asarray(start, np.float64).ravel(), (x.width,))
    return b.add("affine", x, scale=np.ones(x.width), shift=shift)


def _boosted(b: GraphBuilder, estimator: Any, x: Value) -> Value:
    if not (isinstance(estimator.init_, str) or type(estimator.init_).__name__.startswith("Dummy")):
        raise ModelError(f"{type(estimator).__name__} with its own `init` cannot be imported")
    stages = estimator.estimators_
    forest = Forest(outputs=stages.shape[1])
    for stage in stages:
        for k, tree in enumerate(stage):
            one = np.eye(stages.shape[1])[k] * estimator.learning_rate
            _plain(forest, tree.tree_, tree.tree_.value[:, 0, :] * one)
    start = estimator._raw_predict_init(np.zeros((1, x.width), np.float32))
    score = shifted(b, forest.add_to(b, x), start)
    return probabilities(b, score) if hasattr(estimator, "classes_") else score


def _histogram(b: GraphBuilder, estimator: Any, x: Value) -> Value:
    stages = estimator._predictors
    forest = Forest(outputs=len(stages[0]))
    for stage in stages:
        for k, tree in enumerate(stage):
            nodes = tree.nodes
            if nodes["is_categorical"].any():
                raise ModelError("trees with categorical columns cannot be imported")
            column = np.where(nodes["is_leaf"], -1, nodes["feature_idx"].astype(int))
            values = nodes["value"][:, None] * np.eye(len(stage))[k]
            forest.add_arrays(column, nodes["num_threshold"], nodes["left"], nodes["right"], values)
    score = shifted(b, forest.add_to(b, x), estimator._baseline_prediction)
    return probabilities(b, score) if hasattr(estimator, "classes_") else score


def add_trees(builder: GraphBuilder, estimator: Any, x: Value) -> Value:
    """Append a fitted tree ensemble: values of a regressor, probabilities of a classifier's classes."""
    kind = type(estimator).__name__
    if kind.startswith("HistGradientBoosting"):
        return _histogram(builder, estimator, x)
    if kind.startswith("GradientBoosting"):
        return _boosted(builder, estimator, x)
    return _averaged(builder, estimator, x)
