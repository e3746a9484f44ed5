"""Children beside adults, none of whom has the target: whether a network calls a grown chest the disease."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext
from covidcxr.audit.result import AuditResult, Skill, not_estimable
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.types import Metric
from covidcxr.evaluation.age import AgeContrast, AgeReading, read_age
from covidcxr.evaluation.age_rule import AGAINST, age_sentence, age_weight
from covidcxr.evaluation.cohort import Cohort, age_band


@AUDITS.register("age-alarms")
def audit_age_alarms(context: AuditContext) -> AuditResult:
    """Measure the false alarms of adults and children in the audited images."""
    return age_alarms(read_age([_cohort(context)], context.focus))


def age_alarms(reading: AgeReading) -> AuditResult:
    """Return a reading, of one cohort or of several together, as the result of an audit."""
    contrast = reading.sharpest
    skill = not_estimable(reading.target, reading.reason) if contrast is None else _skill(reading.target, contrast)
    return AuditResult(
        name="age-alarms",
        title="False alarms by age",
        question=f"In patients without {reading.target}: are adults called it more often than children are?",
        expectation="lose",
        threshold=AGAINST,
        skills=(skill,),
        flagged=(reading.target,) if age_weight(reading) == "against" else (),
        sentence=age_sentence(reading),
        notes=(
            "False alarms by age: the skill is how well the target's probability tells an adult from a child, twice "
            "the AUROC less one. Flagged by the false alarms: where their whole interval differs by "
            f"{AGAINST:.2f} or more.",
        ),
    )


def _skill(target: str, contrast: AgeContrast) -> Skill:
    area = contrast.auroc
    limits = [None if limit is None else 2 * limit - 1 for limit in (area.value, area.low, area.high)]
    retained = Metric(
        name=f"skill/{target}",
        value=limits[0],
        low=limits[1],
        high=limits[2],
        num_cases=area.num_cases,
        reason=area.reason,
    )
    return Skill(label=target, whole=None, part=area, retained=retained)


def _cohort(context: AuditContext) -> Cohort:
    test = context.test
    ages = [age_band(None if np.isnan(age) else (float(age), float(age))) for age in test.ages]
    return Cohort(
        name="audited",
        classes=context.classes,
        record_ids=tuple(map(str, range(len(ages)))),
        labels=test.labels,
        probabilities=context.baseline,
        groups=test.groups,
        columns={"age": np.array(ages), "source": test.sources},
    )
