"""Data in: ROOT, Parquet and Lamarr's own files to samples, streamed, split by event, with a digest."""

from lamarr.training.data.expressions import Expression
from lamarr.training.data.sample import PARTS, EmptySampleError, Sample, part_of_event, prepare
from lamarr.training.data.specification import DataSpecification, load_data

__all__ = [
    "PARTS",
    "DataSpecification",
    "EmptySampleError",
    "Expression",
    "Sample",
    "load_data",
    "part_of_event",
    "prepare",
]
