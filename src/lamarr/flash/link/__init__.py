"""Whole pipelines as shared libraries for C and C++: from generated to reconstructed columns in one call."""

from lamarr.flash.link.build import compile_pipeline
from lamarr.flash.link.linked import LinkedPipeline
from lamarr.flash.link.program import emit_pipeline

__all__ = ["LinkedPipeline", "compile_pipeline", "emit_pipeline"]
