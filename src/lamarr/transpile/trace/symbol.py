"""A column that is not there yet: what numpy is asked to do with it becomes a line of C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lamarr.transpile.trace.trace import Trace

__all__ = ["Symbol"]


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """One number per row, known by the name of a C variable.

    numpy's functions and operators work on it as on an array, and give further symbols. What depends on the
    values themselves (indexing, truth, loops) is refused.

    Parameters
    ----------
    trace : Trace
        Where the lines of C go.
    name : str
        C expression without side effects that needs no parentheses.
    dtype : dtype
        As numpy would have it.
    """

    def __init__(self, trace: Trace, name: str, dtype: Any) -> None:
        self.trace, self.name, self.dtype = trace, name, np.dtype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Write the call of a ufunc."""
        return self.trace.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, _: Any, arguments: Any, options: Any) -> Any:
        """Write the call of another function of numpy (where, select, isin, clip)."""
        return self.trace.function(function, arguments, options)

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:  # noqa: ARG002
        """Return it as another type, converted as numpy and C do."""
        return self.trace.cast(self, np.dtype(dtype))

    def __bool__(self) -> bool:
        self.trace.refuse("ask whether a value is true, as in 'if' and 'and': use numpy.where and '&'")
        raise AssertionError

    def __iter__(self) -> Any:
        self.trace.refuse("go through the rows of a column")

    def __repr__(self) -> str:
        return f"<Symbol {self.name}: {self.dtype}>"
