"""Arithmetic on columns, written once in numpy: a trace follows it and writes it as C, with the same bits."""

from lamarr.transpile.trace.symbol import Symbol
from lamarr.transpile.trace.tidy import tidy
from lamarr.transpile.trace.trace import C_TYPES, Trace, UntraceableError

__all__ = ["C_TYPES", "Symbol", "Trace", "UntraceableError", "tidy"]
