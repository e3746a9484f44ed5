"""From images to the verdict: a sound network on clean data can be believed, one that reads the age cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from audit_films import SIZE, lung_score, make_context
from covidcxr.audit.context import AuditContext, ImageSet
from covidcxr.audit.findings import audit_findings
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.types import Record, Sample
from covidcxr.evaluation.age import read_age
from covidcxr.evaluation.cohort import Cohort, subgroup_columns
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.verdict import CohortEvidence, Evidence, Verdict, judge
from covidcxr.metrics.settings import IntervalSettings


def samples_of(images: ImageSet, classes: tuple[str, ...]) -> list[Sample]:
    found = []
    for number, label in enumerate(images.labels):
        record = Record(
            record_id=f"film:{number}",
            source=str(images.sources[number]),
            path=Path(f"{number}.png"),
            label=classes[label],
            age_years=float(images.ages[number]),
        )
        found.append(
            Sample(
                record=record,
                label=classes[label],
                split="test",
                image=f"{number}.png",
                sha256=f"{number:064x}",
                phash="",
                rows=SIZE,
                columns=SIZE,
                bits_stored=8,
                group_id=str(images.groups[number]),
            )
        )
    return found


def cohort_of(context: AuditContext, images: ImageSet, name: str) -> tuple[Cohort, CohortEvidence]:
    samples = samples_of(images, context.classes)
    cohort = Cohort(
        name=name,
        classes=context.classes,
        record_ids=tuple(sample.record.record_id for sample in samples),
        labels=images.labels,
        probabilities=context.judge.probabilities(images.images),
        groups=images.groups,
        columns=subgroup_columns(samples),
    )
    report = evaluate_cohort(cohort, subgroups=False, intervals=IntervalSettings(rounds=200))
    internal = name == "home"
    return cohort, CohortEvidence(
        report=report, confounding=find_confounding(samples, context.classes), internal=internal
    )


def verdict_of(context: AuditContext, away: ImageSet) -> Verdict:
    """Audit the test images, and evaluate on them and on ``away``."""
    results = [audit(context) for _, audit in AUDITS.items()]
    home, outside = cohort_of(context, context.test, "home"), cohort_of(context, away, "away")
    return judge(
        Evidence(
            cohorts=[home[1], outside[1]],
            test_seen=False,
            synthetic=False,
            target=context.focus,
            audits=audit_findings(results),
            audited=True,
            age=read_age([home[0], outside[0]], context.focus),
        )
    )


def test_a_sound_network_on_clean_data_is_believable() -> None:
    context = make_context(lambda images: 8.0 * lung_score(images))
    assert context.train is not None
    verdict = verdict_of(context, context.train)
    assert verdict.value == "believable", verdict.reasons


def test_a_network_that_reads_the_age_is_not_believable_once_adults_without_the_target_are_shown() -> None:
    """Its controls at home are children, as bright as it expects them; away are adults of both classes."""

    def aged(part: ImageSet, ages: np.ndarray) -> ImageSet:
        noise = part.images.astype(np.int64) * 30 // 120
        return replace(part, images=np.clip(noise + ages[:, None, None] * 2, 0, 255).astype(np.uint8), ages=ages)

    context = make_context(lambda images: (images.mean(axis=(1, 2)) - 90.0) / 10.0)
    assert context.train is not None
    home = aged(context.test, np.where(context.test.labels == 0, 60.0, 4.0))
    alone = replace(context, test=home, films=home.images, train=None)
    adults = aged(context.train, np.full(160, 60.0))
    found = verdict_of(alone, adults).findings
    assert found[0].rule == "reads-age"
    assert "80 images of adults and 0 %" in found[0].sentence
    assert "age" in {finding.rule for finding in found}
