"""Affine transforms: standard score, and rotation to uncorrelated columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.transforms.base import Array, Transform, numbers
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Decorrelation", "Keep", "Standard", "weighted_moments"]


def weighted_moments(sample: Array, weights: Array | None) -> tuple[Array, Array]:
    """Mean (width,) and covariance (width, width) of a sample (n, width), weighted or not.

    Raises
    ------
    ConfigurationError
        If the weights do not sum to a positive number.
    """
    x = np.asarray(sample, np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    if not total > 0:
        raise ConfigurationError(f"weights must sum to a positive number, but sum to {total:g}")
    mean = (w[:, None] * x).sum(0) / total
    centred = x - mean
    return mean, (w[:, None] * centred).T @ centred / total


class Keep(Transform):
    """The identity: for flags and charges."""

    kind = "keep"

    def __init__(self, width: int) -> None:
        self.width = width

    @classmethod
    def fit(cls, sample: Array, weights: Array | None = None) -> Keep:  # noqa: ARG003
        """Take the width of a sample."""
        return cls(sample.shape[1])

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Return the same columns."""
        return np.asarray(x, np.float64)

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Return the same columns."""
        return np.asarray(z, np.float64)

    def lower(self, b: GraphBuilder, x: Value) -> Value:  # noqa: ARG002
        """Return the same value."""
        return x

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:  # noqa: ARG002
        """Return the same value."""
        return z

    def settings(self) -> dict[str, Any]:
        """Return the width."""
        return {"width": self.width}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Keep:
        """Rebuild."""
        return cls(int(settings["width"]))


class Standard(Transform):
    """(x − mean) / σ of each column."""

    kind = "standard"

    def __init__(self, mean: Array, sigma: Array) -> None:
        self.mean, self.sigma = np.asarray(mean, np.float64), np.asarray(sigma, np.float64)
        self.width = len(self.mean)

    @classmethod
    def fit(cls, sample: Array, weights: Array | None = None) -> Standard:
        """Fit to a sample (n, width); raises ConfigurationError for a constant column."""
        mean, covariance = weighted_moments(sample, weights)
        variance = np.diag(covariance)
        if not (variance > 1e-12 * np.maximum(1e-12, mean**2)).all():
            column = int(np.argmin(variance))
            raise ConfigurationError(
                f"columns must vary to be standardised, but column {column} has the variance "
                f"{variance[column]:g} around {mean[column]:g}"
            )
        return cls(mean, np.sqrt(variance))

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Return standard scores."""
        return (np.asarray(x, np.float64) - self.mean) / self.sigma

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Return values."""
        return np.asarray(z, np.float64) * self.sigma + self.mean

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append an affine map."""
        return b.add("affine", x, scale=1 / self.sigma, shift=-self.mean / self.sigma)

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append an affine map."""
        return b.add("affine", z, scale=self.sigma, shift=self.mean)

    def settings(self) -> dict[str, Any]:
        """Return mean and σ."""
        return {"mean": numbers(self.mean), "sigma": numbers(self.sigma)}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Standard:
        """Rebuild."""
        return cls(settings["mean"], settings["sigma"])


class Decorrelation(Transform):
    """z = (x − mean) V Λ^{−1/2}: columns along the eigenvectors of the covariance, with unit variance."""

    kind = "decorrelation"

    def __init__(self, mean: Array, matrix: Array) -> None:
        self.mean, self.matrix = np.asarray(mean, np.float64), np.asarray(matrix, np.float64)
        self.back = np.linalg.inv(self.matrix)
        self.width = len(self.mean)

    @classmethod
    def fit(cls, sample: Array, weights: Array | None = None) -> Decorrelation:
        """Fit to a sample (n, width).

        Raises
        ------
        ConfigurationError
            If a column is constant or a combination of the others.
        """
        mean, covariance = weighted_moments(sample, weights)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        if not eigenvalues[0] > 1e-9 * eigenvalues[-1]:
            raise ConfigurationError(
                "columns must be linearly independent to be decorrelated, but the covariance has the "
                f"eigenvalues {eigenvalues[0]:.3g} … {eigenvalues[-1]:.3g}"
            )
        vectors = vectors * np.sign(
            vectors[np.abs(vectors).argmax(0), np.arange(len(mean))]
        )  # one of two signs
        return cls(mean, vectors / np.sqrt(eigenvalues))

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Rotate and scale."""
        return (np.asarray(x, np.float64) - self.mean) @ self.matrix

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Rotate back."""
        return np.asarray(z, np.float64) @ self.back + self.mean

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append a dense layer."""
        return b.dense(x, self.matrix, -self.mean @ self.matrix)

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append a dense layer."""
        return b.dense(z, self.back, self.mean)

    def settings(self) -> dict[str, Any]:
        """Return mean and matrix."""
        return {"mean": numbers(self.mean), "matrix": numbers(self.matrix)}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Decorrelation:
        """Rebuild."""
        return cls(settings["mean"], settings["matrix"])
