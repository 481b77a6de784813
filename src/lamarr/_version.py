"""The version of the package, read by the build and by model cards."""

__version__ = "0.1.0"
