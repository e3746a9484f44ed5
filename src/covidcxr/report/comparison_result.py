"""The results of a model comparison.

`covidcxr.pipeline.compare` measures them, `covidcxr.report.comparison` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from covidcxr.audit.run import Audited
from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.metrics.comparison import Difference, McNemar
from covidcxr.models.bundle import Bundle


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ModelCohort:
    """One bundle on one dataset; ``internal`` if it was trained on that dataset."""

    cohort: Cohort
    report: EvaluationReport
    internal: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Paired:
    """A bundle against the first one, on the cases that both judged in one dataset.

    Attributes:
        dataset: Name of the cohort.
        num_cases: Cases that both judged.
        auroc: Difference of the AUROC of the target class, by DeLong with patients as clusters.
        mcnemar: Who alone was right how often.
        metrics: Differences by bootstrap on the same resampled patients; empty if the classes differ.
    """

    dataset: str
    num_cases: int
    auroc: Difference
    mcnemar: McNemar
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ModelResult:
    """One bundle.

    Attributes:
        name: What to call it, unique among those compared.
        bundle: Its description and digest.
        cohorts: One a dataset, in the order given.
        seconds_per_image: From file to probability, all datasets together.
        device: Where it ran.
        paired: Against the first bundle, one a dataset; empty for the first.
        audited: Its shortcut audits on the first dataset; None if none were asked for.
    """

    name: str
    bundle: Bundle
    cohorts: tuple[ModelCohort, ...]
    seconds_per_image: float
    device: str
    paired: tuple[Paired, ...] = ()
    audited: Audited | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CompareResult:
    """All bundles, the reference first, and the class whose detection matters.

    ``published`` is a network of the registry to the accuracy that a publication gives it.
    """

    models: tuple[ModelResult, ...]
    target: str
    split: str
    synthetic: bool
    published: Mapping[str, float] = field(default_factory=dict)
