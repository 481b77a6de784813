"""The model graph (IR), its numpy interpreter, cards and weights."""

from lamarr.transpile.graph import Graph, GraphBuilder, Node, Value
from lamarr.transpile.interpreter import evaluate
from lamarr.transpile.model import Model, load_model
from lamarr.transpile.operators import OPERATORS, Operator

__all__ = [
    "OPERATORS",
    "Graph",
    "GraphBuilder",
    "Model",
    "Node",
    "Operator",
    "Value",
    "evaluate",
    "load_model",
]
