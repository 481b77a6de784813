"""Tracking of the detailed simulation: hits with errors, track finding along them, Kalman fit, vertices.

:func:`reconstruct` is a function of an event and a seed; numba compiles what is done per hit.
"""

from lamarr.detailed.tracking.reconstruction import reconstruct

__all__ = ["reconstruct"]
