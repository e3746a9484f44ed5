"""How far nuisance alone gets: a random forest on a few numbers that say nothing of any disease.

If six global intensity numbers separate the classes, a high score of a network on the same images proves little. The
features are computed from arrays, so that an audit, a leak report and an evaluation share them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import RandomForestClassifier

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.measure import measure
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings

INTENSITY_NAMES = (
    "mean",
    "standard deviation",
    "5th percentile",
    "25th percentile",
    "75th percentile",
    "95th percentile",
)
_BLOCK = 512
_TREES, _SMALLEST_LEAF = 300, 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NuisanceResult:
    """How well nuisance alone tells the classes apart on a cohort.

    Attributes:
        name: What it looked at ("six global intensity numbers").
        features: The names of the numbers.
        num_train: Images the forest was fitted on.
        metrics: ``auroc/CLASS``, ``auroc_macro``, ``accuracy``, ``balanced_accuracy`` with intervals.
        retained: Share of the network's skill that nuisance alone has, (AUROC - 0.5) / (network's AUROC - 0.5), by
            class; None where not estimable.
    """

    name: str
    features: tuple[str, ...]
    num_train: int
    metrics: dict[str, Metric]
    retained: dict[str, float | None]

    def sentence(self, label: str) -> str:
        """Return the finding for one class as a plain sentence."""
        metric = self.metrics[f"auroc/{label}"]
        start = f"{self.name[0].upper()}{self.name[1:]}"
        if metric.value is None:
            return f"{start}: not estimable for {label} here ({metric.reason})."
        interval = "" if metric.low is None else f" (95 % confidence interval {metric.low:.2f}-{metric.high:.2f})"
        return f"{start} of the image alone separate {label} from the rest at AUROC {metric.value:.2f}{interval} here."


def intensity_features(images: NDArray[np.uint8] | NDArray[np.float32]) -> FloatArray:
    """Return mean, standard deviation and the 5th, 25th, 75th and 95th percentile of each image, float64 (N, 6).

    Args:
        images: (N, H, W), uint8 in [0, 255] or float32 in [0, 1]; may be a memory map, it is read in blocks.
    """
    if images.ndim != 3 or not len(images):
        raise EvaluationError(f"images: found shape {images.shape}; expected (images, rows, columns), at least 1")
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    rows = []
    for start in range(0, len(images), _BLOCK):
        flat = np.asarray(images[start : start + _BLOCK], dtype=np.float32).reshape(
            -1, images.shape[1] * images.shape[2]
        )
        percentiles = np.percentile(flat, [5, 25, 75, 95], axis=1).T
        rows.append(np.column_stack([flat.mean(axis=1), flat.std(axis=1), percentiles]) / scale)
    return np.concatenate(rows).astype(np.float64)


def nuisance_baseline(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    features: ArrayLike,
    cohort: Cohort,
    *,
    name: str = "six global intensity numbers",
    feature_names: Sequence[str] = INTENSITY_NAMES,
    network: dict[str, Metric] | None = None,
    intervals: IntervalSettings = DEFAULT_INTERVALS,
) -> NuisanceResult:
    """Fit a class-balanced random forest (L. Breiman, 2001) on train and measure it on the cases of ``cohort``.

    Args:
        train_features: (M, K) finite numbers.
        train_labels: (M,) positions in the cohort's classes.
        features: (N, K) of the cohort's cases, in its order.
        cohort: Gives labels, groups and classes; its probabilities are not used.
        name: What the features are, in words that can begin a sentence.
        feature_names: K names.
        network: The network's metrics on the same cohort, for the share of skill retained.
        intervals: How intervals are made; the seed is the forest's too.

    Raises:
        EvaluationError: If shapes do not fit, a feature is not finite, or train has one class only.
    """
    train, truth, test = np.asarray(train_features, float), np.asarray(train_labels), np.asarray(features, float)
    _check(train, truth, test, cohort)
    model = RandomForestClassifier(
        _TREES, min_samples_leaf=_SMALLEST_LEAF, class_weight="balanced", n_jobs=1, random_state=intervals.seed
    )
    model.fit(train, truth)
    probabilities = np.zeros((cohort.num_images, len(cohort.classes)))
    probabilities[:, model.classes_] = model.predict_proba(test)
    measured = measure(cohort.labels, probabilities, cohort.classes, groups=cohort.groups, intervals=intervals)
    kept = ("accuracy", "balanced_accuracy", "auroc_macro", *(f"auroc/{label}" for label in cohort.classes))
    return NuisanceResult(
        name=name,
        features=tuple(feature_names),
        num_train=len(train),
        metrics={key: measured[key] for key in kept},
        retained={
            label: retained_skill(measured[f"auroc/{label}"], (network or {}).get(f"auroc/{label}"))
            for label in cohort.classes
        },
    )


def retained_skill(part: Metric, whole: Metric | None) -> float | None:
    """Return (AUROC of ``part`` - 0.5) / (AUROC of ``whole`` - 0.5), at least 0; None where ``whole`` has no skill."""
    if whole is None or whole.value is None or part.value is None or whole.value <= 0.5:
        return None
    share = (part.value - 0.5) / (whole.value - 0.5)
    return max(0.0, share) if math.isfinite(share) else None


def _check(train: FloatArray, truth: NDArray[np.int64], test: FloatArray, cohort: Cohort) -> None:
    if train.ndim != 2 or test.ndim != 2 or train.shape[1] != test.shape[1]:
        raise EvaluationError(
            f"features: found shapes {train.shape} and {test.shape}; expected two tables of the same columns"
        )
    if len(train) != len(truth) or len(test) != cohort.num_images:
        raise EvaluationError(
            f"features: found {len(train)} rows for {len(truth)} training labels and {len(test)} for "
            f"{cohort.num_images} cases; expected one row a case"
        )
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise EvaluationError("features: found NaN or infinity; expected finite numbers, leave such cases out by name")
    if len(np.unique(truth)) < 2:
        raise EvaluationError("features: every training case is of one class; expected at least two")
