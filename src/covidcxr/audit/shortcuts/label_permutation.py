"""Labels are dealt anew to patients: a probe fitted on them must guess, or the test shares patients with training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from covidcxr.audit.context import AuditContext
from covidcxr.audit.probes import probe_classes
from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import focus_first, share
from covidcxr.core.types import Metric
from covidcxr.metrics.checks import FloatArray, IntArray
from covidcxr.metrics.discrimination import auroc

THRESHOLD = 0.1  # a mean AUROC of 0.55 where 0.5 is due
ROUNDS = 10


def deal_labels(
    labels: IntArray, groups: NDArray[np.str_], generator: np.random.Generator
) -> tuple[IntArray, dict[str, int]]:
    """Return labels (N,) permuted among the patients, and each patient's new one."""
    names, first = np.unique(groups, return_index=True)
    dealt = dict(zip(names.tolist(), generator.permutation(labels[first]).tolist(), strict=True))
    return np.array([dealt[str(group)] for group in groups], dtype=np.int64), dealt


@AUDITS.register("label-permutation")
def audit_label_permutation(context: AuditContext) -> AuditResult:
    """Measure probes on the network's features with permuted labels."""
    generator = context.generator(3)
    drawn = np.array([_one_round(context, generator) for _ in range(ROUNDS)])
    skills = focus_first(
        [_skill(label, drawn[:, column]) for column, label in enumerate(context.classes)], context.focus
    )
    failed = tuple(
        skill.label for skill in skills if skill.retained.low is not None and skill.retained.low >= THRESHOLD
    )
    outcome = "more than guessing: test and training share patients" if failed else "no more than guessing, as it must"
    return AuditResult(
        name="label-permutation",
        title="Labels permuted",
        question=f"Control: {ROUNDS} probes are fitted on labels dealt anew to the patients, and must not know them.",
        expectation="control",
        threshold=THRESHOLD,
        skills=skills,
        flagged=failed,
        sentence=f"With permuted labels a probe has a skill of {share(skills[0].retained)}: {outcome}.",
    )


def _one_round(context: AuditContext, generator: np.random.Generator) -> list[float]:
    test, train = context.test, context.train
    labels = np.concatenate([test.labels, train.labels]) if train is not None else test.labels
    groups = np.concatenate([test.groups, train.groups]) if train is not None else test.groups
    permuted, _ = deal_labels(labels, groups, generator)
    count = test.labels.size
    shuffled = replace(
        context,
        test=replace(test, labels=permuted[:count]),
        train=None if train is None else replace(train, labels=permuted[count:]),
        intervals=replace(context.intervals, seed=int(generator.integers(1 << 30))),
    )
    scores: FloatArray = probe_classes(shuffled, context.test_features, context.train_features, strength=0.01)
    return [auroc(permuted[:count] == column, scores[:, column]) for column in range(len(context.classes))]


def _skill(label: str, aurocs: FloatArray) -> Skill:
    known = aurocs[np.isfinite(aurocs)]
    if known.size < 2:
        empty = Metric(name=f"auroc/{label}", value=None, reason=f"too few patients of {label}")
        return Skill(label=label, whole=None, part=empty, retained=replace(empty, name=f"skill/{label}"))
    mean, margin = float(known.mean()), 2.26 * float(known.std(ddof=1)) / known.size**0.5  # t, 9 degrees of freedom
    part = Metric(name=f"auroc/{label}", value=mean, low=mean - margin, high=mean + margin, num_cases=known.size)
    low, value, high = (2 * limit - 1 for limit in (mean - margin, mean, mean + margin))
    retained = Metric(name=f"skill/{label}", value=value, low=low, high=high, num_cases=known.size)
    return Skill(label=label, whole=None, part=part, retained=retained)
