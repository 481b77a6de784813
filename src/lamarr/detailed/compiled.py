"""Compile the loops of the reconstruction: numba's decorator, typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled", "inlined"]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return `function` compiled on its first call; the machine code is kept on disk."""
    return cast(Function, numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Return `function` compiled into what calls it: to hand arrays over costs more than they do."""
    return cast(Function, numba.njit(cache=True, error_model="numpy", forceinline=True)(function))
