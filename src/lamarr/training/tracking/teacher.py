"""LHCb's public 2016 MagUp tracking response as a teacher, and which of its draws are physical.

The teacher is a Python module outside of the project (GPL-3 in origin): it is loaded from where it lies,
draws are taken from it, nothing of it is kept.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError

__all__ = ["MIN_EIGENVALUE", "correlation_matrix", "find_teacher", "load_teacher", "physical"]

MIN_EIGENVALUE = 1e-4
"""A covariance is physical if the smallest eigenvalue of its correlation matrix exceeds this number."""

_PAIRS = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4))


def find_teacher() -> Path | None:
    """Return where the teacher lies: ``$LAMARR_TEACHER``, ``shared`` beside the checkout, or None."""
    name = "tracking_response.py"
    if "LAMARR_TEACHER" in os.environ:
        path = Path(os.environ["LAMARR_TEACHER"])
        return path / name if path.is_dir() else path
    beside = Path(__file__).resolve().parents[5] / "shared/data/lhcb2016mu" / name
    return beside if beside.exists() else None


def load_teacher(path: Path | str | None = None) -> Any:
    """Import the teacher's module.

    Raises
    ------
    InputFileError
        If there is none at `path`, or (without a path) none is found.
    """
    found = Path(path) if path is not None else find_teacher()
    if found is not None and found.is_dir():
        found = found / "tracking_response.py"
    if found is None or not found.exists():
        raise InputFileError(
            f"the teacher 'tracking_response.py' must exist, but got {found}; give its folder with --teacher "
            "or in LAMARR_TEACHER"
        )
    spec = importlib.util.spec_from_file_location("lamarr_tracking_teacher", found)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # its folder may be read-only
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


def correlation_matrix(covariance: NDArray[Any]) -> NDArray[np.float64]:
    """Correlation matrices (rows, 5, 5) from the columns (rows, 15) of the covariance model."""
    c = np.asarray(covariance, np.float64)
    matrix = np.tile(np.eye(5), (len(c), 1, 1))
    for k, (i, j) in enumerate(_PAIRS, start=5):
        matrix[:, i, j] = matrix[:, j, i] = c[:, k]
    return matrix


def physical(
    teacher: Any, p: NDArray[Any], residuals: NDArray[Any], covariance: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mask of the teacher's draws without its known defects.

    Left out: reconstructed momenta that are not positive or more than twice the true one (|dp| >= p),
    residuals on the straight last segment of the teacher's output tables, covariances that are not
    positive definite (see :data:`MIN_EIGENVALUE`).

    Parameters
    ----------
    p : array (rows,)
        True momentum in MeV.
    residuals, covariance : arrays (rows, 9), (rows, 15)
        Draws of the teacher, in its column order.
    """
    knots = teacher._W["resolution.output_quantiles"][:6]
    inside = (residuals[:, :6] > knots[:, 1]) & (residuals[:, :6] < knots[:, -2])
    w = teacher._W
    rotated = np.linalg.solve(
        w["covariance.rotation"].astype(np.float64),
        ((covariance - w["covariance.output_mean"]) / w["covariance.output_scale"]).T.astype(np.float64),
    ).T
    knots = w["covariance.rotated_quantiles"]
    inside_rotated = (rotated > knots[:, 1]) & (rotated < knots[:, -2])
    smallest = np.linalg.eigvalsh(correlation_matrix(covariance))[:, 0]
    mask: NDArray[np.bool_] = (
        inside.all(axis=1)
        & inside_rotated.all(axis=1)
        & (np.abs(residuals[:, 5]) < p)
        & (smallest > MIN_EIGENVALUE)
    )
    return mask
