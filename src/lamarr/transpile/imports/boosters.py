"""Boosted trees of LightGBM and XGBoost as one ``trees`` node."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError
from lamarr.transpile.graph import GraphBuilder, Value
from lamarr.transpile.imports.trees import Forest, probabilities, shifted

__all__ = ["BOOSTERS", "add_booster"]

BOOSTERS = (
    *("LGBMRegressor", "LGBMClassifier", "XGBRegressor", "XGBClassifier"),
    *("XGBRFRegressor", "XGBRFClassifier", "Booster"),
)


def add_booster(builder: GraphBuilder, estimator: Any, x: Value) -> Value:
    """Append a fitted booster: values of a regression, probabilities of a classifier's classes.

    Raises
    ------
    ModelError
        If its objective or kind of booster cannot be imported. The trees of both packages have a branch
        for missing values, which is not used: a row with a NaN gives NaN.
    """
    package = type(estimator).__module__.partition(".")[0]
    return (_lightgbm if package == "lightgbm" else _xgboost)(builder, estimator, x)


def _lightgbm(b: GraphBuilder, estimator: Any, x: Value) -> Value:
    booster = getattr(estimator, "booster_", estimator)
    dump = booster.dump_model()
    outputs = int(dump["num_tree_per_iteration"])
    forest = Forest(outputs=outputs)

    def grow(node: dict[str, Any], one: NDArray[Any]) -> int:
        if "leaf_value" in node:
            return forest.leaf(node["leaf_value"] * one)
        if node["decision_type"] != "<=":
            raise ModelError("LightGBM trees with categorical columns cannot be imported")
        k = forest.branch(node["split_feature"], node["threshold"])
        forest.nodes[k][2:] = [grow(node[f"{side}_child"], one) for side in ("left", "right")]
        return k

    trees: Iterable[dict[str, Any]] = dump["tree_info"]
    for i, tree in enumerate(trees):
        forest.finish(grow(tree["tree_structure"], np.eye(outputs)[i % outputs]))
    score = forest.add_to(b, x)
    objective = str(dump.get("objective", "")).split()
    if objective[:1] in (["binary"], ["multiclass"]):
        return probabilities(b, score)
    if objective[:1] in (["regression"], ["huber"], ["regression_l1"], ["quantile"], []):
        return score
    raise ModelError(f"LightGBM's objective '{' '.join(objective)}' cannot be imported")


def _logit(p: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = np.log(p / (1 - p))
    return result


def _xgboost(b: GraphBuilder, estimator: Any, x: Value) -> Value:
    booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    learner = json.loads(booster.save_raw("json").decode())["learner"]
    model = learner["gradient_booster"].get("model")
    kind, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if kind != "gbtree":
        raise ModelError(f"XGBoost's booster '{kind}' cannot be imported; 'gbtree' can")
    if objective not in _OBJECTIVES:
        known = ", ".join(_OBJECTIVES)
        raise ModelError(f"XGBoost's objective '{objective}' cannot be imported; these can: {known}")
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    forest = Forest(outputs=outputs)
    stop = getattr(estimator, "best_iteration", None) if hasattr(estimator, "get_booster") else None
    ends = model["iteration_indptr"]
    last = len(model["trees"]) if stop is None else ends[stop + 1]
    for tree, output in zip(model["trees"][:last], model["tree_info"], strict=False):
        _add_xgboost(forest, tree, np.eye(outputs)[output])
    base = np.array(json.loads(f"[{learner['learner_model_param']['base_score'].strip('[]')}]"), float)
    score = shifted(b, forest.add_to(b, x), _logit(base) if objective == "binary:logistic" else base)
    return probabilities(b, score) if _OBJECTIVES[objective] else score


_OBJECTIVES = {
    # name: gives probabilities
    "reg:squarederror": False,
    "reg:absoluteerror": False,
    "reg:pseudohubererror": False,
    "binary:logistic": True,
    "multi:softprob": True,
}


def _add_xgboost(forest: Forest, tree: dict[str, Any], one: NDArray[Any]) -> None:
    """Append a tree; it goes left where x < threshold, that is x <= the float32 below."""
    if any(tree.get("split_type", [])):
        raise ModelError("XGBoost's trees with categorical columns cannot be imported")
    left = np.array(tree["left_children"])
    threshold = np.nextafter(np.array(tree["split_conditions"], np.float32), np.float32(-np.inf))
    column = np.where(left < 0, -1, np.array(tree["split_indices"]))
    values = np.array(tree["base_weights"], np.float64)[:, None] * one
    leaf = np.array(tree["split_conditions"], np.float64)[:, None] * one
    values = np.where((left < 0)[:, None], leaf, values)
    forest.add_arrays(column, threshold, left, np.array(tree["right_children"]), values)
