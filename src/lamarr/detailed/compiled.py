"""Compile the loops of the reconstruction: numba's decorator, typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return `function` compiled on its first call; the machine code is kept on disk."""
    return cast(Function, numba.njit(cache=True)(function))
