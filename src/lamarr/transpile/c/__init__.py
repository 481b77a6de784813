"""The C back end: graphs to C, C to shared libraries, shared libraries to callables."""

from lamarr.transpile.c.compiled import CompiledModel, compile_models
from lamarr.transpile.c.compiler import CompilerError
from lamarr.transpile.c.emit import Source, emit

__all__ = ["CompiledModel", "CompilerError", "Source", "compile_models", "emit"]
