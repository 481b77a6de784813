"""Follows numpy's arithmetic on symbols, and writes it as C.

Each operation becomes one line, in the type that numpy computes in. With -ffp-contract=off a compiler rounds
every line as numpy does, so that both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import numpy as np

from lamarr.errors import LamarrError
from lamarr.transpile.trace.symbol import Symbol

__all__ = ["C_TYPES", "Trace", "UntraceableError"]

C_TYPES: Final = {
    "float64": "double",
    "float32": "float",
    "int64": "int64_t",
    "int32": "int32_t",
    "int16": "int16_t",
    "int8": "int8_t",
    "uint64": "uint64_t",
    "uint32": "uint32_t",
    "uint8": "uint8_t",
    "bool": "bool",
}
"""dtype → type in C."""


class UntraceableError(LamarrError, TypeError):
    """Arithmetic that cannot be written as C."""


_INFIX: Final = {"add": "+", "subtract": "-", "multiply": "*", "true_divide": "/", "divide": "/"}
_COMPARE: Final = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}
_LOGIC: Final = {
    "bitwise_and": "&",
    "logical_and": "&",
    "bitwise_or": "|",
    "logical_or": "|",
    "bitwise_xor": "^",
    "logical_xor": "^",
}
_CALLS: Final = {"sqrt": "lamarr_sqrt", "floor": "lamarr_floor"}


class Trace:
    """Lines of C that a function of symbols stands for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._known: dict[tuple[str, str], Symbol] = {}

    def input(self, name: str, expression: str, dtype: Any) -> Symbol:
        """Return the symbol `name`, which the C expression gives."""
        return self._named(name, expression, np.dtype(dtype))

    def constant(self, value: Any, dtype: np.dtype[Any]) -> str:
        """Write a number as a literal of a type."""
        if dtype.kind == "b":
            return "true" if value else "false"
        if dtype.kind in "iu":
            return f"INT64_C({int(value)})" if abs(int(value)) >= 2**31 else str(int(value))
        number = dtype.type(value)
        if np.isnan(number) or np.isinf(number):
            word = "NAN" if np.isnan(number) else "INFINITY"
            return f"(-({C_TYPES[dtype.name]}){word})" if number < 0 else f"({C_TYPES[dtype.name]}){word}"
        text = f"{number:.9g}" if dtype.name == "float32" else repr(float(number))
        text = text if any(c in text for c in ".e") else f"{text}.0"
        return f"{text}f" if dtype.name == "float32" else text

    def refuse(self, what: str) -> NoReturn:
        """Say that something cannot be written as C.

        Raises
        ------
        UntraceableError
            Always.
        """
        raise UntraceableError(f"arithmetic that becomes C cannot {what}")

    def cast(self, value: Any, dtype: Any) -> Symbol:
        """Return a value as another type."""
        target = np.dtype(dtype)
        if isinstance(value, Symbol) and value.dtype == target:
            return value
        return self._line(self._as(value, target), target)

    def ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Write the call of a ufunc on symbols and numbers."""
        target = options.pop("dtype", None)
        if method != "__call__" or options:
            self.refuse(f"use '{ufunc.__name__}.{method}' with {', '.join(options) or 'arrays'}")
        self._check(inputs)
        name = ufunc.__name__
        results = _dtypes(ufunc, inputs)
        if name == "positive":
            return self.cast(inputs[0], target or results[0])
        if target is not None:
            self.refuse(f"use '{name}' with a dtype")
        if name == "frexp":
            x = self._as(inputs[0], np.dtype("float64"))
            return self._line(f"lamarr_mantissa({x})", "float64"), self._line(
                f"lamarr_exponent({x})", "int32"
            )
        if name in _COMPARE:
            common = _common(inputs)
            a, b = (self._as(v, common) for v in inputs)
            return self._line(f"{a} {_COMPARE[name]} {b}", "bool")
        if name in ("isfinite", "isnan"):
            return self._line(f"{name}({self._as(inputs[0], _common(inputs))})", "bool")
        return self._line(self._expression(name, inputs, results[0]), results[0])

    def function(self, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Write the call of another function of numpy."""
        known: dict[Any, Callable[..., Any]] = {
            np.where: self._where,
            np.select: self._select,
            np.isin: self._isin,
            np.clip: self._clip,
        }
        if function not in known:
            self.refuse(f"use numpy.{function.__name__}")
        return known[function](*arguments, **options)

    def _expression(self, name: str, inputs: tuple[Any, ...], dtype: np.dtype[Any]) -> str:
        operands = [self._as(v, dtype) for v in inputs]
        suffix = "f" if dtype.name == "float32" else ""
        if name in ("power", "square") and (name == "square" or (type(inputs[1]), inputs[1]) == (int, 2)):
            return f"{operands[0]} * {operands[0]}"
        if name in _INFIX and dtype.kind != "b":
            return f"{operands[0]} {_INFIX[name]} {operands[1]}"
        if name in _LOGIC and dtype.kind == "b":
            return f"{operands[0]} {_LOGIC[name]} {operands[1]}"
        if name in ("invert", "logical_not") and dtype.kind == "b":
            return f"!{operands[0]}"
        if name == "negative" and dtype.kind != "b":
            return f"-{operands[0]}"
        if name in ("minimum", "maximum", "absolute", "sign") and dtype.kind != "b":
            return f"lamarr_{name}{_kind(dtype)}({', '.join(operands)})"
        if name in _CALLS and dtype.kind == "f":
            return f"{_CALLS[name]}{suffix}({operands[0]})"
        if name == "ldexp" and dtype.name == "float64":
            return f"ldexp({operands[0]}, {self._as(inputs[1], np.dtype('int32'))})"
        if name in ("floor_divide", "remainder") and dtype.kind == "i":
            return f"lamarr_{name}({', '.join(operands)})"
        raise UntraceableError(f"arithmetic that becomes C cannot use '{name}' on {dtype}")

    def _where(self, condition: Any, a: Any, b: Any) -> Symbol:
        self._check((condition, a, b))
        dtype = _common((a, b))
        test = self._as(condition, np.dtype("bool"))
        return self._line(f"{test} ? {self._as(a, dtype)} : {self._as(b, dtype)}", dtype)

    def _select(self, conditions: Any, choices: Any, default: Any = 0) -> Symbol:
        result = default
        for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
            result = self._where(condition, choice, result)
        return self.cast(result, _common((*choices, default)))

    def _isin(self, element: Symbol, members: Any) -> Any:
        result: Any = None
        for member in members:
            same = element == int(member)
            result = same if result is None else result | same
        return result

    def _clip(self, x: Any, low: Any, high: Any) -> Any:
        return np.minimum(np.maximum(x, low), high)

    def _check(self, values: tuple[Any, ...]) -> None:
        for value in values:
            if isinstance(value, np.ndarray) and value.ndim:
                self.refuse("mix columns with arrays")

    def _as(self, value: Any, dtype: np.dtype[Any]) -> str:
        if not isinstance(value, Symbol):
            return self.constant(value, dtype)
        if value.dtype == dtype:
            return value.name
        if dtype.kind == "b":
            return f"({value.name} != 0)"
        return f"({C_TYPES[dtype.name]}){value.name}"

    def _line(self, expression: str, dtype: Any) -> Symbol:
        return self._named(f"t{len(self.lines)}", expression, np.dtype(dtype))

    def _named(self, name: str, expression: str, dtype: np.dtype[Any]) -> Symbol:
        key = (expression, dtype.name)
        if key not in self._known:
            self.lines.append(f"const {C_TYPES[dtype.name]} {name} = {expression};")
            self._known[key] = Symbol(self, name, dtype)
        return self._known[key]


def _kind(dtype: np.dtype[Any]) -> str:
    return {"float64": "", "float32": "f"}.get(dtype.name, "i")


def _sample(value: Any) -> Any:
    return np.ones(1, value.dtype) if isinstance(value, Symbol) else value


def _dtypes(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> list[np.dtype[Any]]:
    """Types of the results, as numpy has them for arrays of these types."""
    with np.errstate(all="ignore"):
        results = ufunc(*(_sample(v) for v in inputs))
    return [r.dtype for r in (results if isinstance(results, tuple) else (results,))]


def _common(values: tuple[Any, ...]) -> np.dtype[Any]:
    return np.result_type(*(_sample(v) for v in values))
