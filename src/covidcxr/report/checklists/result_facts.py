"""Facts about the study and what it measured."""

from __future__ import annotations

from covidcxr.core.notice import NOTICE
from covidcxr.evaluation.evidence import COPIED_MOST
from covidcxr.evaluation.verdict import internal_external_gap
from covidcxr.report.checklists.fact import Fact, fact, spoken
from covidcxr.report.study import CohortResult, Study


@fact
def summary(study: Study) -> Fact:
    """Return the study in two sentences."""
    report = study.main.report
    accuracy, target = report.metrics["accuracy"], report.metrics[f"sensitivity/{study.target}"]
    value = (
        f"{study.info.title or study.info.name}: {len(report.classes)} classes ({', '.join(report.classes)}), "
        "measured on "
        f"{report.num_images:,} images of {report.num_patients:,} patients: accuracy {spoken(accuracy)}, "
        "sensitivity for "
        f"{study.target} {spoken(target)}. Verdict: {study.verdict.value}."
    )
    return Fact(value=value, source="report.json: cohorts, verdict")


@fact
def aim(study: Study) -> Fact:
    """Return what was to be measured."""
    follows = f" and to lay its figures beside those of {study.published.title}" if study.published else ""
    value = (
        f"To measure how well the network tells {', '.join(study.info.classes)} apart{follows}, and what that "
        "score is worth."
    )
    published = "; report.json: published.name" if study.published else ""
    return Fact(value=value, source=f"bundle.json: classes{published}")


@fact
def design(study: Study) -> Fact:
    """Return that the data were there before."""
    facts = study.main.dataset
    whose, where = "", "report.json: datasets[0].kind"
    if facts.kind == "compiled":
        whose, where = f", by {', '.join(facts.source_versions)}", "dataset.json: source_versions"
    return Fact(value=f"Retrospective: the images were collected and labelled before{whose}.", source=where)


@fact
def goal(study: Study) -> Fact:
    """Return the kind of study."""
    kind = "model development and internal evaluation" if study.main.internal else "evaluation of an existing model"
    return Fact(
        value=f"Diagnostic classification; {kind}{', with external evaluation' if _other_hospitals(study) else ''}.",
        source="report.json: cohorts",
    )


@fact
def sample_size(study: Study) -> Fact | None:
    """Return what the number of cases allows; None if no artefact tells."""
    metric = study.main.report.metrics[f"sensitivity/{study.target}"]
    if metric.value is None or metric.low is None or metric.high is None:
        return None
    value = (
        f"None was planned: all eligible images were used. {metric.num_cases} images of {study.target} give its "
        f"sensitivity to within {(metric.high - metric.low) / 2:.3f} either way (95 %)."
    )
    return Fact(value=value, source=f"report.json: cohorts[0].metrics.sensitivity/{study.target}")


@fact
def metrics(study: Study) -> Fact:
    """Return the metrics by name."""
    names = dict.fromkeys(name.partition("/")[0] for name in study.main.report.metrics)
    return Fact(
        value=f"{', '.join(name.replace('_', ' ') for name in names)}.", source="report.json: cohorts[0].metrics"
    )


@fact
def uncertainty(study: Study) -> Fact:
    """Return how intervals were made."""
    return Fact(
        value=study.intervals.sentence, source="report.json: settings.intervals, settings.rounds, settings.seed"
    )


@fact
def robustness(study: Study) -> Fact | None:
    """Return nuisance baseline and subgroups; None if no artefact tells."""
    parts, keys = [], []
    if study.main.nuisance is not None:
        parts.append(study.main.nuisance.sentence(study.target))
        keys.append("nuisance")
    if study.audits:
        parts.append(" ".join(result.sentence for result in study.audits))
        keys.append("audits")
    if study.main.report.subgroups:
        parts.append(f"Subgroups: {', '.join(study.main.report.subgroups)}.")
        keys.append("cohorts[0].subgroups")
    return Fact(value=" ".join(parts), source=f"report.json: {', '.join(keys)}") if parts else None


@fact
def explainability(study: Study) -> Fact | None:
    """Return how what the network looks at was shown and tested; None if it was not."""
    parts, keys = [], []
    maps = study.main.explanations
    if maps is not None:
        failed = f"{maps.overall.num_failed} of {maps.overall.num_films}"
        parts.append(f"Heat maps ({maps.method}), each checked: {failed} failed a check and are not to be believed.")
        keys.append("explanations")
    if study.audits:
        flagged = ", ".join(result.title for result in study.audits if result.flagged) or "none"
        controls = " ".join(result.sentence for result in study.audits if result.expectation == "control")
        parts.append(f"{len(study.audits)} shortcut audits on altered images; flagged: {flagged}. Controls: {controls}")
        keys.append("audits")
    return Fact(value=" ".join(parts).rstrip(), source=f"report.json: {', '.join(keys)}") if parts else None


@fact
def internal(study: Study) -> Fact | None:
    """Return the internal score; None if no artefact tells."""
    if not study.main.internal:
        return None
    report = study.main.report
    return Fact(
        value=f"{report.cohort}: accuracy {spoken(report.metrics['accuracy'])}.", source="report.json: cohorts[0]"
    )


@fact
def external(study: Study) -> Fact | None:
    """Return the external scores and the gap; None if no artefact tells."""
    parts = []
    for result in _other_hospitals(study):
        pair = internal_external_gap(study.main.report, result.report, study.target) if study.main.internal else None
        gap = f"; {pair[0]} {pair[2].value:.3f} against {pair[1].value:.3f} inside" if pair else ""
        parts.append(
            f"{result.report.cohort}: {result.report.num_images:,} images, accuracy "
            f"{spoken(result.report.metrics['accuracy'])}{gap}"
        )
    return Fact(value="; ".join(parts) + ".", source="report.json: cohorts") if parts else None


@fact
def all_partitions(study: Study) -> Fact | None:
    """Return scores on every part; None if no artefact tells."""
    history = study.info.history
    if not history.train:
        return None
    train = ", ".join(f"{name} {value:.4f}" for name, value in history.train.items())
    validation = ", ".join(f"{name} {value:.4f}" for name, value in history.validation.items()) or "not recorded"
    value = (
        f"Train: {train}. Validation: {validation}. {study.main.report.cohort}: accuracy "
        f"{spoken(study.main.report.metrics['accuracy'])}."
    )
    return Fact(value=value, source="bundle.json: history.train; report.json: cohorts")


@fact
def accuracy(study: Study) -> Fact:
    """Return accuracy by class with intervals."""
    metrics = study.main.report.metrics
    parts = [
        f"{label}: sensitivity {spoken(metrics[f'sensitivity/{label}'])}, specificity "
        f"{spoken(metrics[f'specificity/{label}'])}, "
        f"AUROC {spoken(metrics[f'auroc/{label}'])}"
        for label in study.main.report.classes
    ]
    return Fact(value="; ".join(parts) + ".", source="report.json: cohorts[0].metrics")


@fact
def failures(study: Study) -> Fact | None:
    """Return how many failures there are and where they are listed; None if no artefact tells."""
    report = study.main.report
    wrong = int(report.confusion.sum() - report.confusion.trace())
    shown, where = "", ""
    if study.main.mistakes:
        shown, where = f"; the {len(study.main.mistakes)} surest are pictured", "; report.html: mistakes"
    return Fact(
        value=f"{wrong:,} of {report.num_images:,} images were named wrongly{shown}; every one is listed.",
        source=f"predictions.csv: correct{where}",
    )


@fact
def limitations(study: Study) -> Fact | None:
    """Return the verdict's reasons; None if no artefact tells."""
    if not study.verdict.reasons:
        return None
    return Fact(value=" ".join(study.verdict.reasons), source="report.json: verdict.reasons")


@fact
def implications(study: Study) -> Fact:
    """Return the verdict and what would change it."""
    changes = list(dict.fromkeys(finding.change for finding in study.verdict.findings if finding.change))
    tail = f" What would change it: {'; '.join(changes)}." if changes else ""
    return Fact(value=f"{NOTICE} The score is {study.verdict.value}.{tail}", source="report.json: verdict, findings")


@fact
def calibration(study: Study) -> Fact:
    """Return the calibration error."""
    metric = study.main.report.metrics["ece"]
    scaled = "not calibrated" if study.info.temperature == 1.0 else f"temperature {study.info.temperature:.3f}"
    return Fact(
        value=f"Expected calibration error {spoken(metric)}; {scaled}.",
        source="report.json: cohorts[0].metrics.ece; bundle.json: temperature",
    )


@fact
def fairness(study: Study) -> Fact | None:
    """Return the subgroups of people; None if no artefact tells."""
    groups = [name for name in study.main.report.subgroups if name.startswith(("sex=", "age="))]
    if not groups:
        return None
    return Fact(
        value=f"Accuracy, its gap to the rest and sensitivity are given for {', '.join(groups)}.",
        source="report.json: cohorts[0].subgroups",
    )


def _other_hospitals(study: Study) -> list[CohortResult]:
    """Return the external cohorts but for copies of the network's own dataset."""
    return [result for result in study.external if result.copied < COPIED_MOST * result.report.num_images]
