"""What the published systems report, as numbers, and ours laid beside them.

Every figure here is the publication's own; what it is worth is for `covidcxr.evaluation.report` to measure. Where a
publication gives counts, an interval is computed from them, because none of them gives one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import EvaluationError
from covidcxr.core.recipe import Recipe
from covidcxr.core.types import EvaluationReport, Metric


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedValue:
    """One number of a publication.

    Attributes:
        row: The table's row: what was measured on.
        metric: The column, in the publication's words.
        value, low, high: As printed; limits only where the publication prints them.
        ours: Name of our metric that answers to it, with a ``train:`` prefix for the training history.
        is_lower_limit: Whether the publication says "more than ``value``".
    """

    row: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    ours: str = ""
    is_lower_limit: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedCounts:
    """Images by split and class."""

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """One publication's system and what it reports.

    Attributes:
        name: Of the recipe that rebuilds it, where there is one.
        title, citation: For tables and reference lists.
        values: The numbers, in reading order.
        classes, confusion: Of the test; rows actual, columns predicted; empty if not published.
        counts: Of the dataset; None if not published.
        num_test_images: What the figures were measured on; 0 if not published.
        notes: What a reader should know about them.
        by_network: Network of the registry to its published accuracy, where several were compared.
    """

    name: str
    title: str
    citation: str
    values: tuple[PublishedValue, ...] = ()
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    counts: PublishedCounts | None = None
    num_test_images: int = 0
    notes: tuple[str, ...] = ()
    by_network: Mapping[str, float] = field(default_factory=dict)

    def confusion_matrix(self) -> NDArray[np.int64]:
        """Return ``confusion`` as int64 (C, C)."""
        return np.array(self.confusion, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A published number with ours beside it.

    Attributes:
        row, metric: Where it stands in the publication.
        theirs: The published number.
        ours: Our metric; None where we have not measured it.
        difference: Ours minus theirs; None likewise, and for a lower limit.
        compatible: Whether the published number lies in our 95 % confidence interval, or, for a lower limit, the
            interval reaches             above it; None without one.
    """

    row: str
    metric: str
    theirs: PublishedValue
    ours: Metric | None
    difference: float | None
    compatible: bool | None


_COVID, _NORMAL, _PNEUMONIA = "COVID-19", "Normal", "Pneumonia"

ZHONG2020 = PublishedResult(
    name="zhong2020",
    title="Zhong 2020",
    citation="Zhong. COVID-19-CXR (repository ZY-ZRY/COVID19-CXR). arXiv:2007.09695, 2020.",
    values=(
        PublishedValue(row="Train", metric="Cross-entropy", value=0.986, ours="train:loss"),
        PublishedValue(row="Train", metric="Accuracy", value=0.9325, ours="train:accuracy"),
        PublishedValue(row="Train", metric="Precision", value=0.9463, ours="train:precision"),
        PublishedValue(row="Train", metric="Recall", value=0.9133, ours="train:recall"),
        PublishedValue(row="Test", metric="Cross-entropy", value=0.5632, ours="cross_entropy_smoothed"),
        PublishedValue(row="Test", metric="Accuracy", value=0.873, ours="accuracy"),
        PublishedValue(row="Test", metric="Precision", value=0.8967, ours="micro_precision"),
        PublishedValue(row="Test", metric="Recall", value=0.8446, ours="micro_recall"),
        PublishedValue(
            row="COVID-19 of the test", metric="Cross-entropy", value=0.4304, ours="cross_entropy_smoothed/COVID-19"
        ),
        PublishedValue(row="COVID-19 of the test", metric="Accuracy", value=0.98, ours="sensitivity/COVID-19"),
        PublishedValue(row="COVID-19 of the test", metric="Precision", value=0.9798, ours="micro_precision/COVID-19"),
        PublishedValue(row="COVID-19 of the test", metric="Recall", value=0.97, ours="micro_recall/COVID-19"),
        PublishedValue(
            row="Mean probability of the true class",
            metric=_COVID,
            value=0.8445,
            low=0.8185,
            high=0.8705,
            ours="true_probability/COVID-19",
        ),
        PublishedValue(
            row="Mean probability of the true class",
            metric=_NORMAL,
            value=0.6763,
            low=0.6462,
            high=0.7063,
            ours="true_probability/Normal",
        ),
        PublishedValue(
            row="Mean probability of the true class",
            metric=_PNEUMONIA,
            value=0.7761,
            low=0.7541,
            high=0.7981,
            ours="true_probability/Pneumonia",
        ),
    ),
    classes=(_COVID, _NORMAL, _PNEUMONIA),
    confusion=((98, 0, 2), (9, 197, 36), (5, 42, 351)),
    counts=PublishedCounts(
        classes=(_COVID, _NORMAL, _PNEUMONIA), splits={"train": (398, 1341, 3875), "test": (100, 242, 398)}
    ),
    num_test_images=740,
    notes=(
        "Precision and recall are the Keras defaults, micro-averaged over all (image, class) pairs at a probability "
        "above 0.5, which is why they differ from accuracy.",
        "The published code evaluates the cross-entropy with the label smoothing it trains with; ours beside it does "
        "the same. The training loss is also weighted by class.",
        "The test images were also the validation images of the published training.",
    ),
)

COVID19_CNN = PublishedResult(
    name="covid19-cnn",
    title="Covid19_CNN",
    citation="K. Gogisetty. Covid19_CNN, GitHub, 2020; data from J. M. Bennett's detector.",
    values=(
        PublishedValue(row="Validation", metric="Accuracy, lowest reported", value=0.94, ours="accuracy"),
        PublishedValue(row="Validation", metric="Accuracy, highest reported", value=1.0, ours="accuracy"),
    ),
    num_test_images=40,
    notes=("Its author notes that it fails on some images without COVID-19.",),
)

HAGHANIFAR2020 = PublishedResult(
    name="haghanifar2020",
    title="Haghanifar 2020 (external set)",
    citation="A. Haghanifar et al. COVID-CXNet. arXiv:2006.13807, 2020.",
    values=(
        PublishedValue(
            row="Base network", metric="Heat maps wrong", value=0.5, ours="heat_map_failed", is_lower_limit=True
        ),
        PublishedValue(row="External set", metric="Accuracy", value=0.80, ours="accuracy"),
        PublishedValue(row="External set", metric="Sensitivity, COVID-19", value=0.90, ours="sensitivity/COVID-19"),
        PublishedValue(row="External set", metric="Specificity, COVID-19", value=0.70, ours="specificity/COVID-19"),
    ),
    classes=(_NORMAL, _COVID),
    confusion=((21, 9), (3, 27)),
    num_test_images=60,
    notes=(
        "Its authors' own diagnosis: most of the normal images were children's.",
        "They judged the heat maps of the base network by eye and found more than half of the samples wrong. Here a "
        "map counts as wrong if less than half of it lies inside the lungs, or nothing speaks for the class.",
        "Accuracy, sensitivity and specificity are computed here from the published confusion matrix.",
    ),
)

COVIDX_NET = PublishedResult(
    name="covidx-net",
    title="COVIDX-Net",
    citation="E. E. Hemdan et al. COVIDX-Net. arXiv:2003.11055, 2020.",
    values=(PublishedValue(row="Test", metric="Accuracy, VGG19 and DenseNet201", value=0.90, ours="accuracy"),),
    num_test_images=50,
    notes=(
        "Seven backbones on 50 images; the count is of the whole dataset, of which the test is a part. VGG19 and "
        "DenseNet201 did best.",
    ),
    by_network={"vgg19": 0.90, "densenet201": 0.90},
)

COVID_NET = PublishedResult(
    name="covid-net",
    title="COVID-Net",
    citation="L. Wang, A. Wong. COVID-Net. arXiv:2003.09871, 2020.",
    values=(
        PublishedValue(row="Test", metric="Accuracy", value=0.933, ours="accuracy"),
        PublishedValue(row="Test", metric="Sensitivity, Normal", value=0.95, ours="sensitivity/Normal"),
        PublishedValue(row="Test", metric="Sensitivity, Pneumonia", value=0.94, ours="sensitivity/Pneumonia"),
        PublishedValue(row="Test", metric="Sensitivity, COVID-19", value=0.91, ours="sensitivity/COVID-19"),
    ),
    num_test_images=300,
)

PUBLISHED: Mapping[str, PublishedResult] = {
    result.name: result for result in (ZHONG2020, COVID19_CNN, HAGHANIFAR2020, COVIDX_NET, COVID_NET)
}


def published_result(name: str) -> PublishedResult:
    """Return the published result of that name.

    Raises:
        EvaluationError: If there is none; the message lists the known ones.
    """
    if name not in PUBLISHED:
        raise EvaluationError(
            f"no published result is called {name!r} (known: {', '.join(sorted(PUBLISHED))}); "
            "correct evaluation.published in the recipe, or leave it empty"
        )
    return PUBLISHED[name]


def published_by(recipe: Recipe | None, classes: Sequence[str]) -> PublishedResult | None:
    """Return the publication that ``recipe`` follows; None if it follows none, or one of other classes.

    Raises:
        EvaluationError: If the recipe names a publication that is not known.
    """
    if recipe is None or not recipe.evaluation.published:
        return None
    result = published_result(recipe.evaluation.published)
    return result if set(result.classes) <= set(classes) else None


def compare_with_published(
    result: PublishedResult, report: EvaluationReport, train: Mapping[str, float] | None = None
) -> tuple[Comparison, ...]:
    """Lay ``report``, and the last values of the training history ``train``, beside every published number."""
    rows = []
    for theirs in result.values:
        ours = _ours(theirs.ours, report, train or {})
        value = ours.value if ours else None
        low, high = (ours.low, ours.high) if ours else (None, None)
        rows.append(
            Comparison(
                row=theirs.row,
                metric=theirs.metric,
                theirs=theirs,
                ours=ours,
                difference=None if value is None or theirs.is_lower_limit else value - theirs.value,
                compatible=None if low is None or high is None else _is_inside(theirs, low, high),
            )
        )
    return tuple(rows)


def _is_inside(theirs: PublishedValue, low: float, high: float) -> bool:
    return high > theirs.value if theirs.is_lower_limit else low <= theirs.value <= high


def _ours(name: str, report: EvaluationReport, train: Mapping[str, float]) -> Metric | None:
    if name.startswith("train:"):
        key = name.removeprefix("train:")
        return Metric(name=key, value=train[key]) if key in train else None
    return report.metrics.get(name)
