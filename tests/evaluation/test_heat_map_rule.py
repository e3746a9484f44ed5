from __future__ import annotations

from dataclasses import replace

import pytest

from cohort_builders import CLASSES, cohort_of_counts, sample
from covidcxr.core.types import Metric
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.evidence import CohortEvidence, Evidence
from covidcxr.evaluation.heat_map_rule import heat_maps
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.verdict import judge
from covidcxr.metrics.settings import IntervalSettings


def _evidence(metric: Metric | None) -> Evidence:
    report = evaluate_cohort(
        cohort_of_counts([[20, 2, 0], [0, 20, 0], [0, 0, 20]]), intervals=IntervalSettings(rounds=20)
    )
    metrics = dict(report.metrics) | ({metric.name: metric} if metric else {})
    cohort = CohortEvidence(
        report=replace(report, metrics=metrics), confounding=find_confounding([sample("c", age=50)], CLASSES)
    )
    return Evidence(cohorts=[cohort], test_seen=False, synthetic=False, target="COVID-19")


def _metric(low: float | None, *, label: str = "COVID-19", num_cases: int = 40) -> Metric:
    return Metric(name=f"heat_map_outside/{label}", value=0.8, low=low, high=0.9, num_cases=num_cases)


def test_maps_that_surely_lie_outside_the_lungs_for_the_most_part_speak_against_the_network() -> None:
    (finding,) = heat_maps(_evidence(_metric(0.65)))
    assert (finding.rule, finding.weight, finding.about) == ("heat-maps", "against", "network")
    assert finding.sentence == (
        "The heat map lies for the most part outside the lungs on 80 % (65 to 90 %) of 40 images called COVID-19."
    )
    verdict = judge(_evidence(_metric(0.65)))
    assert verdict.value == "not believable"
    assert "heat-maps" in {entry.rule for entry in verdict.findings}


@pytest.mark.parametrize(
    "metric",
    [None, _metric(0.5), _metric(0.65, label="Normal"), _metric(0.65, num_cases=9), _metric(None)],
    ids=["not measured", "may be half", "another class", "few images", "no interval"],
)
def test_anything_less_says_nothing_for_or_against(metric: Metric | None) -> None:
    assert heat_maps(_evidence(metric)) == []
