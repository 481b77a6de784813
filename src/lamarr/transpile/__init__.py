"""The model graph (IR), its numpy interpreter, cards and weights."""

from lamarr.transpile.backend import RunningModel, compiled
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
    "RunningModel",
    "Value",
    "compiled",
    "evaluate",
    "load_model",
]
