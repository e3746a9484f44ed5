"""The report on disk: ``report.html``, ``report.json``, ``predictions.csv`` and ``figures/``, and reading it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from covidcxr.audit.sections import audit_document, audit_section
from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.core.version import release
from covidcxr.evaluation.age import AgeReading
from covidcxr.evaluation.age_rule import age_sentence
from covidcxr.evaluation.published import compare_with_published
from covidcxr.outputs.case_table import Case, write_cases
from covidcxr.outputs.page import Page, Section
from covidcxr.outputs.report_files import HTML, JSON, write_report_files
from covidcxr.outputs.report_json import metric_document, report_document
from covidcxr.report.checklists.pack import FOLDER, checklists, evidence_section, write_evidence
from covidcxr.report.sections.classes import classes_section
from covidcxr.report.sections.explanations import explanations_section
from covidcxr.report.sections.headline import headline
from covidcxr.report.sections.measured import (
    before_section,
    calibration_section,
    cohorts_section,
    gaps,
    subgroups_section,
)
from covidcxr.report.sections.provenance import methods_section, provenance_section
from covidcxr.report.sections.published import field_section, published_section
from covidcxr.report.sections.sets import measured_sets, sets_document
from covidcxr.report.sections.use import use_section
from covidcxr.report.sections.worth import confounding_section, mistakes_section
from covidcxr.report.study import CohortResult, Study

CASES = "predictions.csv"


def report_page(study: Study, *extra: Section) -> Page:
    """Return the page of ``study``; ``extra`` sections come before the mistakes."""
    sections = (
        published_section(study),
        before_section(study),
        cohorts_section(study),
        classes_section(study),
        confounding_section(study),
        explanations_section(study),
        calibration_section(study),
        audit_section(study.audits, study.target) if study.audits else None,
        subgroups_section(study),
        use_section(study),
        *extra,
        mistakes_section(study),
        field_section(study),
        evidence_section(study),
        methods_section(study),
        provenance_section(study),
    )
    cohorts = ", ".join(result.report.cohort for result in study.results)
    return Page(
        kicker="covidcxr evaluation report",
        title=study.info.title or study.info.name,
        subtitle=f"{study.info.network.name}, bundle {study.bundle_id}, evaluated on {cohorts}",
        headline=headline(study),
        sections=tuple(section for section in sections if section is not None),
        synthetic=study.synthetic,
        footer=f"covidcxr {release()}. Metrics and findings are also in report.json, every case in predictions.csv.",
    )


def write_report(study: Study, folder: Path, *, inputs: str, settings: Mapping[str, Any]) -> None:
    """Write the whole report into the existing, empty ``folder``.

    Raises:
        OutputError: If the place cannot be written.
    """
    write_report_files(report_page(study), _document(study, inputs=inputs, settings=settings), folder)
    (folder / FOLDER).mkdir()
    write_evidence(study, folder / FOLDER)
    write_cases(_cases(study), study.info.classes, folder / CASES)


def read_reports(folder: Path, inputs: str) -> list[EvaluationReport] | None:
    """Return the reports that stand in ``folder`` if they were made from ``inputs``; None otherwise."""
    return _read(folder, "inputs", inputs) if (folder / HTML).is_file() else None


def read_any_reports(folder: Path, *, bundle_id: str) -> list[EvaluationReport] | None:
    """Return the reports that stand in ``folder``, whatever they were made from, if they are of that bundle."""
    return _read(folder, "bundle", bundle_id)


def _read(folder: Path, key: str, value: str) -> list[EvaluationReport] | None:
    """Return the reports in ``folder`` if its document has ``value`` under ``key``; None otherwise."""
    path = folder / JSON
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document[key] != value:
            return None
        return [_report(cohort, tuple(document["classes"])) for cohort in document["cohorts"]]
    except (KeyError, TypeError, ValueError):
        return None


def _document(study: Study, *, inputs: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {
        "inputs": inputs,
        "settings": dict(settings),
        "bundle": study.bundle_id,
        "datasets": [_dataset_document(result) for result in study.results],
        "evidence": [
            {
                "name": checklist.name,
                "title": checklist.title,
                "items": len(checklist.items),
                "answered": checklist.num_filled,
                "in_part": checklist.num_partial,
                "open": [item.number for item in checklist.items if not item.filled],
            }
            for checklist in checklists(study)
        ],
        "findings": [asdict(finding) for finding in study.verdict.findings],
        "age": _age_document(study.age),
        "nuisance": {
            result.report.cohort: {
                "name": result.nuisance.name,
                "metrics": {name: metric_document(metric) for name, metric in result.nuisance.metrics.items()},
                "retained": result.nuisance.retained,
            }
            for result in study.results
            if result.nuisance is not None
        },
        "gaps": [{"cohort": cohort, "metric": change.name} | metric_document(change) for cohort, change in gaps(study)],
        "prediction_sets": [sets_document(entry) for entry in measured_sets(study)],
        "explanations": {
            result.report.cohort: result.explanations.document()
            for result in study.results
            if result.explanations is not None
        },
        "not_explained": study.not_explained,
        "provenance": [{"name": name, "value": value} for name, value in study.provenance],
    }
    if study.audits:
        details["audits"] = audit_document(study.audits)
    if study.published is not None:
        details["published"] = {"name": study.published.name, "values": _comparison_rows(study)}
    return report_document(
        [result.report for result in study.results],
        verdict=study.verdict.value,
        reasons=study.verdict.reasons,
        synthetic=study.synthetic,
        details=details,
    )


def _dataset_document(result: CohortResult) -> dict[str, Any]:
    """Return what was counted in the dataset of one cohort; its evaluated part by class."""
    facts, confounding = result.dataset, result.confounding
    return {
        "name": facts.name,
        "kind": facts.kind,
        "digest": facts.digest,
        "split": facts.split,
        "internal": result.internal,
        "copied_from_own_dataset": result.copied,
        "copies_in_other_splits": asdict(result.crossing),
        "counts": {split: dict(part) for split, part in facts.counts.items()},
        "labels_are": facts.labels_are,
        "classes": {entry.label: asdict(entry) for entry in confounding.classes},
        "told_by_source": dict(confounding.by_source),
        "told_by_age": dict(confounding.by_age),
        "findings": confounding.findings,
    }


def _age_document(reading: AgeReading) -> dict[str, Any]:
    document: dict[str, Any] = {"sentence": age_sentence(reading)}
    for name, contrast in (("everyone", reading.everyone), ("one_source", reading.one_source)):
        if contrast is not None:
            metrics = (contrast.adults, contrast.children, contrast.gap, contrast.auroc)
            document[name] = {metric.name: metric_document(metric) for metric in metrics} | {
                "sources": {"adults": contrast.adult_sources, "children": contrast.child_sources}
            }
    return document


def _comparison_rows(study: Study) -> list[dict[str, Any]]:
    rows = compare_with_published(study.published, study.main.report, study.train) if study.published else ()
    return [
        {
            "row": row.row,
            "metric": row.metric,
            "published": row.theirs.value,
            "is_lower_limit": row.theirs.is_lower_limit,
            "ours": row.ours.value if row.ours else None,
            "low": row.ours.low if row.ours else None,
            "high": row.ours.high if row.ours else None,
            "difference": row.difference,
        }
        for row in rows
    ]


def _cases(study: Study) -> Iterator[Case]:
    for result in study.results:
        cohort = result.cohort
        for position, (record_id, predicted) in enumerate(zip(cohort.record_ids, cohort.predicted, strict=True)):
            yield Case(
                cohort=cohort.name,
                record_id=record_id,
                group_id=str(cohort.groups[position]),
                label=cohort.classes[int(cohort.labels[position])],
                predicted=cohort.classes[int(predicted)],
                probabilities=cohort.probabilities[position].tolist(),
            )


def _report(cohort: Mapping[str, Any], classes: tuple[str, ...]) -> EvaluationReport:
    return EvaluationReport(
        cohort=cohort["name"],
        classes=classes,
        num_images=cohort["num_images"],
        num_patients=cohort["num_patients"],
        metrics=_metrics(cohort["metrics"]),
        confusion=np.array(cohort["confusion"], dtype=np.int64),
        subgroups={name: _metrics(metrics) for name, metrics in cohort["subgroups"].items()},
        notes=tuple(cohort["notes"]),
    )


def _metrics(documents: Mapping[str, Any]) -> dict[str, Metric]:
    return {
        name: Metric(
            name=name,
            value=entry["value"],
            low=entry["low"],
            high=entry["high"],
            num_cases=entry["num_cases"],
            reason=entry.get("reason", ""),
        )
        for name, entry in documents.items()
    }
