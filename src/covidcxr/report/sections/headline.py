"""The first screen: what the score is, and what it is worth."""

from __future__ import annotations

from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation.verdict import internal_external_gap
from covidcxr.metrics.comparison import independent_difference
from covidcxr.outputs.page import Headline, Tile, Tone, interval, signed
from covidcxr.report.study import Study


def headline(study: Study) -> Headline:
    """Return the headline of ``study``."""
    findings = study.verdict.findings
    changes = list(dict.fromkeys(finding.change for finding in findings if finding.change))
    return Headline(
        score=_score(study),
        verdict=study.verdict.value,
        worth=study.verdict.reasons,
        change=tuple(changes[:6]),
        tiles=tuple(_tiles(study)),
    )


def _score(study: Study) -> str:
    report = study.main.report
    accuracy, sensitivity = report.metrics["accuracy"], report.metrics[f"sensitivity/{study.target}"]
    patients = _patients(report.num_patients)
    words = f"On {report.num_images:,} images of {patients} the network names the class right in {_percent(accuracy)}"
    if sensitivity.value is None:
        words += f"; its sensitivity for {study.target} is not estimable there ({sensitivity.reason})."
    else:
        words += f" and finds {study.target} in {_percent(sensitivity)} of those who have it."
    if study.before is not None:
        words += _gap_words(study.before, report, study.target)
    for result in study.external if study.main.internal else ():
        pair = internal_external_gap(report, result.report, study.target)
        if pair is not None:
            name, inside, outside = pair
            words += (
                f" On {result.report.cohort}, {_spoken(name)} is {outside.value:.3f} instead of {inside.value:.3f}"
                f"{_change_words(inside, outside)}."
            )
    return words


def _gap_words(before: EvaluationReport, here: EvaluationReport, target: str) -> str:
    pair = internal_external_gap(before, here, target)
    if pair is None:
        return ""
    name, first, second = pair
    change = _change_words(first, second)
    return f" Its {_spoken(name)} is {second.value:.3f} here; on {before.cohort} it was {first.value:.3f}{change}."


def _change_words(first: Metric, second: Metric) -> str:
    change = independent_difference(first, second)
    limits = interval(change, plus=True)
    return f" (change {signed(change.value)}, 95 % confidence interval {limits})" if limits else ""


def _tiles(study: Study) -> list[Tile]:
    report = study.main.report
    names = (
        ("Accuracy", "accuracy"),
        (f"Sensitivity, {study.target}", f"sensitivity/{study.target}"),
        (f"AUROC, {study.target} against the rest", f"auroc/{study.target}"),
    )
    tiles = [_tile(label, report.metrics[name]) for label, name in names]
    nuisance = study.main.nuisance
    if nuisance is not None:
        share = nuisance.retained.get(study.target)
        tone: Tone = "" if share is None or share < 0.5 else "bad" if share >= 0.8 else "warn"
        tiles.append(
            _tile(f"The same AUROC from {nuisance.name} alone", nuisance.metrics[f"auroc/{study.target}"], tone)
        )
    for result in study.external[:2] if study.main.internal else ():
        pair = internal_external_gap(report, result.report, study.target)
        if pair is not None:
            name, inside, outside = pair
            change = independent_difference(inside, outside)
            gap = change.value or 0.0
            tone = "bad" if gap <= -0.1 else "warn" if gap <= -0.05 else "good"
            limits = interval(change, plus=True)
            detail = f"{_spoken(name)} {outside.value:.3f}; " + (
                f"95 % confidence interval of the change {limits}" if limits else change.reason
            )
            tiles.append(Tile(label=f"Change on {result.report.cohort}", value=signed(gap), detail=detail, tone=tone))
    return tiles


def _tile(label: str, metric: Metric, tone: Tone = "") -> Tile:
    if metric.value is None:
        return Tile(label=label, value="–", detail=f"not estimable: {metric.reason}", tone=tone)
    limits = interval(metric)
    return Tile(
        label=label,
        value=f"{metric.value:.3f}",
        detail=f"95 % interval {limits}" if limits else metric.reason,
        tone=tone,
    )


def _percent(metric: Metric) -> str:
    if metric.value is None:
        return "an unknown share"
    limits = (
        ""
        if metric.low is None or metric.high is None
        else f" (95 % interval {100 * metric.low:.1f} to {100 * metric.high:.1f})"
    )
    return f"{100 * metric.value:.1f} %{limits}"


def _patients(number: int) -> str:
    return "one patient" if number == 1 else f"{number:,} patients"


def _spoken(name: str) -> str:
    metric, _, label = name.partition("/")
    words = {"auroc": "AUROC", "auroc_macro": "mean AUROC"}.get(metric, metric.replace("_", " "))
    return f"{words} of {label}" if label else words
