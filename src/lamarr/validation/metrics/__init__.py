"""How far two samples are apart, always with the noise that finite samples bring."""

from lamarr.validation.metrics.binned import (
    EfficiencyDifference,
    Pull,
    efficiency_difference,
    in_bins,
    pull,
)
from lamarr.validation.metrics.classifier import (
    CLASSIFIERS,
    auc_error,
    classifier_auc,
    cross_validated_auc,
)
from lamarr.validation.metrics.measured import (
    Distances,
    Measured,
    distances_measured,
    kolmogorov_measured,
    measured,
    wasserstein_measured,
)
from lamarr.validation.metrics.multivariate import (
    Coverage,
    covariance_distance,
    coverage,
    frechet,
    maximum_mean_discrepancy,
    sliced_wasserstein,
    standardised,
)
from lamarr.validation.metrics.univariate import (
    Chi2,
    Merged,
    chi2,
    half_width,
    kolmogorov,
    kolmogorov_noise,
    tail_ratio,
    wasserstein,
    weighted_quantile,
)

__all__ = [
    "CLASSIFIERS",
    "Chi2",
    "Coverage",
    "Distances",
    "EfficiencyDifference",
    "Measured",
    "Merged",
    "Pull",
    "auc_error",
    "chi2",
    "classifier_auc",
    "covariance_distance",
    "coverage",
    "cross_validated_auc",
    "distances_measured",
    "efficiency_difference",
    "frechet",
    "half_width",
    "in_bins",
    "kolmogorov",
    "kolmogorov_measured",
    "kolmogorov_noise",
    "maximum_mean_discrepancy",
    "measured",
    "pull",
    "sliced_wasserstein",
    "standardised",
    "tail_ratio",
    "wasserstein",
    "wasserstein_measured",
    "weighted_quantile",
]
