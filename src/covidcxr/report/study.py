"""What one evaluation has in hand when it writes its report. Nothing is measured or drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from covidcxr.audit.result import AuditResult
from covidcxr.core.recipe import Recipe
from covidcxr.core.types import EvaluationReport
from covidcxr.evaluation.age import AgeReading
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.confounds import Confounding
from covidcxr.evaluation.evidence import NO_SPLIT_COPIES, SplitCopies
from covidcxr.evaluation.nuisance import NuisanceResult
from covidcxr.evaluation.published import PublishedResult
from covidcxr.evaluation.verdict import CohortEvidence, Verdict
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings
from covidcxr.models.bundle_info import BundleInfo
from covidcxr.outputs.figures.history import EpochSeries
from covidcxr.outputs.page import Picture
from covidcxr.report.dataset_facts import DatasetFacts
from covidcxr.report.heat_maps import CohortExplanations


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CohortResult:
    """One evaluated cohort and everything that was found on it."""

    cohort: Cohort
    report: EvaluationReport
    dataset: DatasetFacts
    confounding: Confounding
    internal: bool
    nuisance: NuisanceResult | None = None
    mistakes: tuple[Picture, ...] = ()
    explanations: CohortExplanations | None = None
    trained_on: str = ""
    in_training: int = 0
    copied: int = 0
    crossing: SplitCopies = NO_SPLIT_COPIES

    @property
    def evidence(self) -> CohortEvidence:
        """What a verdict looks at."""
        return CohortEvidence(
            report=self.report,
            confounding=self.confounding,
            nuisance=self.nuisance,
            internal=self.internal,
            trained_on=self.trained_on,
            in_training=self.in_training,
            copied=self.copied,
            crossing=self.crossing,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Study:
    """One evaluation.

    Attributes:
        info: The bundle's description; ``bundle_id`` its digest's first digits.
        recipe: The recipe it was trained by; None if the bundle carries none that this release understands.
        results: The internal cohort first, then the external ones.
        target: The class whose detection matters.
        verdict: What the score is worth.
        history: The training by epoch; None if the bundle came without it.
        train: Last training metrics by name.
        published: The publication that the recipe follows; None if it follows none.
        intervals: How intervals were made.
        prevalence: Class to the prevalence at which its predictive values, decision curve and sample sizes are wanted.
        label_smoothing: Of the training loss.
        before: What was measured of the same bundle before, elsewhere; None if nothing is known.
        age: What the network makes of age in patients without the target, over all cohorts.
        audits: Shortcut audits of the main cohort, if any were asked for.
        not_explained: Why there are no heat maps although they were asked for; empty otherwise.
        statements: What the author states, by key (see `covidcxr.report.checklists.statements`).
        provenance: Names and values, in reading order.
    """

    info: BundleInfo
    bundle_id: str
    recipe: Recipe | None
    results: tuple[CohortResult, ...]
    target: str
    verdict: Verdict
    intervals: IntervalSettings = DEFAULT_INTERVALS
    prevalence: Mapping[str, float] = field(default_factory=dict)
    history: EpochSeries | None = None
    train: Mapping[str, float] = field(default_factory=dict)
    published: PublishedResult | None = None
    label_smoothing: float = 0.0
    before: EvaluationReport | None = None
    age: AgeReading = field(default_factory=lambda: AgeReading(target="", reason="not measured"))
    audits: tuple[AuditResult, ...] = ()
    not_explained: str = ""
    statements: Mapping[str, str] = field(default_factory=dict)
    provenance: tuple[tuple[str, str], ...] = ()

    @property
    def main(self) -> CohortResult:
        """The cohort that the headline is about."""
        return self.results[0]

    @property
    def external(self) -> tuple[CohortResult, ...]:
        """Cohorts of other datasets than the one the network was trained on."""
        return tuple(result for result in self.results if not result.internal)

    @property
    def synthetic(self) -> bool:
        """Whether any image, of training or of a cohort, is a phantom."""
        return self.info.synthetic or any(result.dataset.synthetic for result in self.results)
