"""Arithmetic over columns, as text: ``probe_P / 1000``, ``log10(p) > 3.5 and abs(pid) == 211``.

Text is parsed, never executed: names of columns, numbers, + − * / ** %, comparisons, ``and or not``, and a
few functions. Nothing else is understood.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, InputFileError, raise_unknown

__all__ = ["FUNCTIONS", "Expression"]

Array = NDArray[Any]

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sinh": np.sinh,
    "arcsinh": np.arcsinh,
    "tanh": np.tanh,
    "arctanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "isfinite": np.isfinite,
    "where": np.where,
}
"""Functions that an expression may call."""


class Expression:
    """An expression over columns.

    Parameters
    ----------
    text : str

    Attributes
    ----------
    names : frozenset of str
        Columns that it reads.

    Raises
    ------
    ConfigurationError
        If the text is no expression, or does what expressions may not.

    Examples
    --------
    >>> Expression("p / 1000 > 3 and charge == 1").names == {"p", "charge"}
    True
    """

    def __init__(self, text: str) -> None:
        self.text = str(text)
        try:
            self._tree = ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ConfigurationError(f"'{text}' is no expression: {error.msg}") from None
        names: set[str] = set()
        self._check(self._tree, names)
        self.names = frozenset(names)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def parts(self) -> list[Expression]:
        """Return the expressions that the outermost ``and`` joins; of another expression itself."""
        if isinstance(self._tree, ast.BoolOp) and isinstance(self._tree.op, ast.And):
            return [Expression(ast.unparse(v)) for v in self._tree.values]
        return [self]

    def _check(self, node: ast.expr, names: set[str]) -> None:
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return
            case ast.Name(id=name):
                names.add(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                self._check(left, names)
                self._check(right, names)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=operand):
                self._check(operand, names)
            case ast.BoolOp(values=values):
                for value in values:
                    self._check(value, names)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(o) in _COMPARE for o in ops):
                for value in (left, *others):
                    self._check(value, names)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                if function not in FUNCTIONS:
                    raise_unknown(f"function (in '{self.text}')", function, FUNCTIONS, ConfigurationError)
                for value in arguments:
                    self._check(value, names)
            case _:
                raise ConfigurationError(
                    f"'{self.text}' holds '{ast.unparse(node)}'; expressions know columns, numbers, "
                    f"+ - * / ** %, comparisons, and, or, not, and {', '.join(FUNCTIONS)}"
                )

    def __call__(self, columns: Mapping[str, Array]) -> Array:
        """Evaluate on columns (n,) of equal length.

        Raises
        ------
        InputFileError
            If a column is missing (near misses are named) or holds no numbers.
        """
        for name in self.names:
            if name not in columns:
                raise_unknown(f"column (in '{self.text}')", name, columns, InputFileError)
        with np.errstate(all="ignore"):
            try:
                value = self._value(self._tree, columns)
            except TypeError as error:
                raise InputFileError(f"'{self.text}' cannot be evaluated on the columns: {error}") from None
        rows = len(next(iter(columns.values())))
        return np.broadcast_to(np.asarray(value), (rows,))

    def _value(self, node: ast.expr, columns: Mapping[str, Array]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                column = columns[name]
                return column.astype(np.int64) if column.dtype == bool else column
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](self._value(left, columns), self._value(right, columns))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._truth(operand, columns)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand, columns)
            case ast.UnaryOp(operand=operand):
                return self._value(operand, columns)
            case ast.BoolOp(op=op, values=values):
                truths = [self._truth(v, columns) for v in values]
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return join.reduce(np.broadcast_arrays(*truths))
            case ast.Compare(left=left, ops=ops, comparators=others):
                values = [self._value(v, columns) for v in (left, *others)]
                links = [_COMPARE[type(o)](a, b) for o, a, b in zip(ops, values, values[1:], strict=False)]
                return np.logical_and.reduce(np.broadcast_arrays(*links))
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return FUNCTIONS[function](*(self._value(a, columns) for a in arguments))
        raise AssertionError(node)  # _check has refused everything else

    def _truth(self, node: ast.expr, columns: Mapping[str, Array]) -> Any:
        return np.asarray(self._value(node, columns)) != 0
