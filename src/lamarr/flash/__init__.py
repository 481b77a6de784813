"""The flash simulation: stages, the pipeline that checks and runs them, runs that account for everything."""

from lamarr.flash.configuration import DEFAULT_SET, PipelineConfiguration, load_pipeline
from lamarr.flash.keep import KEEP, keep, keep_particles
from lamarr.flash.pipeline import Pipeline
from lamarr.flash.report import Counts, Report
from lamarr.flash.runner import BATCH_SIZE, Run
from lamarr.flash.stage import GENERATED, Stage
from lamarr.flash.stages import STAGES

__all__ = [
    "BATCH_SIZE",
    "DEFAULT_SET",
    "GENERATED",
    "KEEP",
    "STAGES",
    "Counts",
    "Pipeline",
    "PipelineConfiguration",
    "Report",
    "Run",
    "Stage",
    "keep",
    "keep_particles",
    "load_pipeline",
]
