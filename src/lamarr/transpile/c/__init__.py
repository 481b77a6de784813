"""The C back end: graphs to C, C to shared libraries, shared libraries to callables."""

from lamarr.transpile.c.cache import build_cached, cache_folder, cached_libraries, clear_cache
from lamarr.transpile.c.compiled import CompiledModel, compile_everywhere, compile_models
from lamarr.transpile.c.compiler import CompilerError
from lamarr.transpile.c.emit import Source, emit
from lamarr.transpile.c.plug_in import write_library

__all__ = [
    "CompiledModel",
    "CompilerError",
    "Source",
    "build_cached",
    "cache_folder",
    "cached_libraries",
    "clear_cache",
    "compile_everywhere",
    "compile_models",
    "emit",
    "write_library",
]
