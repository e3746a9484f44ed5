"""The report of a comparison: one table over all models, forests of the same scale, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from covidcxr.audit.result import AuditResult
from covidcxr.core.notice import NOTICE
from covidcxr.core.types import Metric
from covidcxr.core.version import release
from covidcxr.metrics.comparison import Difference
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.page import (
    Cell,
    Facts,
    FigureBlock,
    Headline,
    Page,
    Row,
    Section,
    Table,
    Tile,
    metric_cell,
    number,
    signed,
)
from covidcxr.outputs.report_files import write_report_files
from covidcxr.outputs.report_json import cohort_document, metric_document
from covidcxr.report.comparison_result import CompareResult, ModelResult, Paired

_DIFFERENCES = (("Accuracy", "accuracy"), ("Balanced accuracy", "balanced_accuracy"), ("Macro AUROC", "auroc_macro"))


def write_comparison(result: CompareResult, folder: Path, *, command: str) -> None:
    """Write the comparison into the existing, empty ``folder``.

    Raises:
        OutputError: If the place cannot be written.
    """
    page = comparison_page(result, command=command)
    write_report_files(page, comparison_document(result), folder)


def comparison_page(result: CompareResult, *, command: str = "") -> Page:
    """Return the page of a comparison."""
    sections = [_table_section(result), _forest_section(result)]
    if audits := _audit_section(result):
        sections.append(audits)
    if any(model.paired for model in result.models):
        sections.append(_paired_section(result))
    facts = [("Command", command or "Python API: covidcxr.pipeline.compare"), ("covidcxr", release())]
    facts += [(f"Bundle, {model.name}", f"{model.bundle.bundle_id}, on {model.device}") for model in result.models]
    sections.append(Section(anchor="provenance", title="Provenance", blocks=(Facts(items=tuple(facts)),)))
    cohorts = ", ".join(entry.report.cohort for entry in result.models[0].cohorts)
    return Page(
        kicker="covidcxr comparison",
        title=" / ".join(model.name for model in result.models),
        subtitle=f"{len(result.models)} models on {cohorts}",
        headline=_headline(result),
        sections=tuple(sections),
        synthetic=result.synthetic,
        footer=f"covidcxr {release()}. Every number is also in report.json.",
    )


def comparison_document(result: CompareResult) -> dict[str, Any]:
    """Return what ``report.json`` and ``--json`` say."""
    return {
        "notice": NOTICE,
        "synthetic": result.synthetic,
        "target": result.target,
        "models": [
            _model_document(model) | {"published_accuracy": result.published.get(model.bundle.info.network.name)}
            for model in result.models
        ],
    }


def _headline(result: CompareResult) -> Headline:
    place = result.models[0].cohorts[0].report.cohort
    name = f"auroc/{result.target}"
    values = [(model, model.cohorts[0].report.metrics[name]) for model in result.models]
    known = [(model, metric) for model, metric in values if metric.value is not None]
    if not known:
        return Headline(score=f"The AUROC of {result.target} is not estimable on {place}: {values[0][1].reason}.")
    best, metric = max(known, key=lambda entry: entry[1].value or 0.0)
    score = f"On {place}, {best.name} separates {result.target} from the rest best: AUROC {number(metric.value)}."
    worth = [_sentence(model, model.paired[0]) for model in result.models if model.paired]
    tiles = tuple(
        Tile(
            label=model.name,
            value=number(value.value) if value.value is not None else "–",
            detail=f"AUROC, {result.target}",
        )
        for model, value in values
    )
    return Headline(score=score, worth=tuple(worth), tiles=tiles)


def _sentence(model: ModelResult, paired: Paired) -> str:
    difference = paired.auroc
    if not np.isfinite(difference.low):
        return (
            f"{model.name}: the difference of the AUROC is not estimable ({difference.reason or 'too few patients'})."
        )
    sure = "surely" if difference.low > 0 or difference.high < 0 else "not surely"
    return (
        f"{model.name} differs from the first by {signed(difference.value)} AUROC (95 % confidence interval "
        f"{signed(difference.low)} "
        f"to {signed(difference.high)}, p = {difference.p_value:.3f}): {sure} different on these "
        f"{paired.num_cases:,} cases."
    )


def _table_section(result: CompareResult) -> Section:
    cohorts = result.models[0].cohorts
    columns = ["Model", "Parameters", "ms an image"]
    for entry in cohorts:
        columns += [f"Accuracy, {entry.report.cohort}", f"AUROC {result.target}, {entry.report.cohort}", "ECE"]
    audited = any(model.audited for model in result.models)
    columns += ["Audits flagged"] if audited else []
    columns += ["Accuracy, published"] if result.published else []
    table = Table(
        caption="Every model on every dataset, with 95 % confidence intervals; 'own': the model's own dataset.",
        columns=tuple(columns),
        rows=tuple(Row(cells=tuple(_model_cells(model, result, audited=audited))) for model in result.models),
        notes=("Time is from file to probability on this machine, decoding included; it depends on what else runs.",),
    )
    return Section(anchor="models", title="Side by side", blocks=(table,))


def _model_cells(model: ModelResult, result: CompareResult, *, audited: bool) -> list[Cell]:
    info = model.bundle.info
    cells = [
        Cell(text=model.name, sub=info.network.name),
        Cell(text=f"{info.network.num_parameters:,}"),
        Cell(text=f"{1000 * model.seconds_per_image:.1f}", sub=model.device),
    ]
    for entry in model.cohorts:
        accuracy = metric_cell(entry.report.metrics["accuracy"])
        cells.append(Cell(text=f"{accuracy.text}{' (own)' if entry.internal else ''}", sub=accuracy.sub))
        auroc = entry.report.metrics[f"auroc/{result.target}"]
        cells += [metric_cell(auroc), metric_cell(entry.report.metrics["ece"])]
    if audited:
        audits = model.audited.results if model.audited else ()
        flagged = sum(bool(found.flagged) for found in audits)
        cells.append(Cell(text=f"{flagged} of {len(audits)}" if audits else "–", tone="bad" if flagged else "good"))
    if result.published:
        published = result.published.get(info.network.name)
        cells.append(Cell(text="–" if published is None else number(published)))
    return cells


def _forest_section(result: CompareResult) -> Section:
    blocks = []
    for label, name in (
        (f"AUROC, {result.target} against the rest", f"auroc/{result.target}"),
        ("Accuracy", "accuracy"),
        ("Calibration error (lower is better)", "ece"),
    ):
        rows: list[ForestRow] = []
        for model in result.models:
            rows.append(ForestRow(label=model.name, heading=True))
            rows += [
                _forest_row(entry.report.cohort, entry.report.metrics[name], own=entry.internal)
                for entry in model.cohorts
            ]
        stem = f"models-{name.partition('/')[0]}"
        caption = (
            "Points with 95 % confidence intervals; orange is the dataset that the model was trained on, blue another."
        )
        drawing = draw_forest(stem, f"{label}, model by model", rows, axis_label=label, caption=caption)
        blocks.append(FigureBlock(drawing=drawing))
    return Section(anchor="forest", title="Inside and outside", blocks=tuple(blocks))


def _audit_section(result: CompareResult) -> Section | None:
    """Return what each audit leaves of each model's skill, audit by audit; None where no audit was made."""
    audited = [(model.name, model.audited.results) for model in result.models if model.audited]
    if not audited:
        return None
    rows: list[ForestRow] = []
    for title in dict.fromkeys(found.title for _, results in audited for found in results):
        rows.append(ForestRow(label=title, heading=True))
        rows += [_audit_row(name, found) for name, results in audited for found in results if found.title == title]
    drawing = draw_forest(
        "models-audits",
        "Skill that is left in each audit, model by model",
        rows,
        axis_label=f"retained skill, {audited[0][1][0].skills[0].label}",
        reference=0.0,
        caption="Share of the skill above chance, with 95 % confidence intervals; orange rows are flagged.",
    )
    return Section(anchor="audits", title="Shortcut audits", blocks=(FigureBlock(drawing=drawing),))


def _audit_row(name: str, found: AuditResult) -> ForestRow:
    kept = found.skills[0].retained
    series = 0 if found.flagged else 1
    return ForestRow(label=name, value=kept.value, low=kept.low, high=kept.high, note=kept.reason, series=series)


def _forest_row(label: str, metric: Metric, *, own: bool) -> ForestRow:
    return ForestRow(
        label=label, value=metric.value, low=metric.low, high=metric.high, note=metric.reason, series=0 if own else 1
    )


def _paired_section(result: CompareResult) -> Section:
    rows = []
    for model in result.models:
        for paired in model.paired:
            rows.append(Row(cells=(Cell(text=f"{model.name} on {paired.dataset}"),), heading=True))
            rows.append(_delong_row(paired.auroc, result.target))
            rows += [
                Row(cells=(Cell(text=label), *_metric_cells(paired.metrics[name]), Cell(text="–", tone="muted")))
                for label, name in _DIFFERENCES
                if name in paired.metrics
            ]
            test = paired.mcnemar
            words = f"only this one right {test.only_first}, only the first {test.only_second}"
            p_value = Cell(text=f"{test.mid_p_value:.3f}")
            rows.append(Row(cells=(Cell(text="McNemar", sub=words), Cell(text="–"), Cell(text="–"), p_value)))
    table = Table(
        caption=f"Difference to {result.models[0].name}, on the same cases of the same patients.",
        columns=("", "Difference", "95 % confidence interval", "p"),
        rows=tuple(rows),
        notes=(
            "AUROC: DeLong with patients as clusters (Obuchowski 1997), Student's quantile; with few patients and "
            "both AUROCs near 1 its interval is too narrow: it holds the truth in 82 % of simulated cohorts of 30. "
            "McNemar: mid-p, which takes images as independent. No correction for several comparisons.",
        ),
    )
    return Section(anchor="paired", title="Differences", blocks=(table,))


def _delong_row(difference: Difference, target: str) -> Row:
    if not np.isfinite(difference.value):
        return Row(
            cells=(
                Cell(text=f"AUROC, {target}"),
                Cell(text="not estimable", sub=difference.reason),
                Cell(text=""),
                Cell(text=""),
            )
        )
    known = np.isfinite(difference.low)
    limits = f"{signed(difference.low)} to {signed(difference.high)}" if known else difference.reason or "–"
    p_value = "–" if not np.isfinite(difference.p_value) else f"{difference.p_value:.3f}"
    return Row(
        cells=(
            Cell(text=f"AUROC, {target}"),
            Cell(text=signed(difference.value)),
            Cell(text=limits),
            Cell(text=p_value),
        )
    )


def _metric_cells(metric: Metric) -> Sequence[Cell]:
    if metric.value is None:
        return Cell(text="not estimable", sub=metric.reason, tone="muted"), Cell(text="–")
    limits = metric.reason if metric.low is None else f"{signed(metric.low)} to {signed(metric.high)}"
    return Cell(text=signed(metric.value)), Cell(text=limits)


def _model_document(model: ModelResult) -> dict[str, Any]:
    info = model.bundle.info
    return {
        "name": model.name,
        "bundle": model.bundle.bundle_id,
        "network": info.network.name,
        "parameters": info.network.num_parameters,
        "classes": list(info.classes),
        "seconds_per_image": model.seconds_per_image,
        "device": model.device,
        "cohorts": [cohort_document(entry.report) | {"internal": entry.internal} for entry in model.cohorts],
        "differences": [_paired_document(paired) for paired in model.paired],
        "audits_flagged": [result.name for result in model.audited.results if result.flagged]
        if model.audited
        else None,
        "verdict": model.audited.verdict.value if model.audited else None,
    }


def _paired_document(paired: Paired) -> dict[str, Any]:
    auroc = {
        name: value if np.isfinite(value := float(getattr(paired.auroc, name))) else None
        for name in ("value", "low", "high", "p_value")
    }
    test = paired.mcnemar
    return {
        "cohort": paired.dataset,
        "num_cases": paired.num_cases,
        "auroc": auroc,
        "mcnemar": {"only_this": test.only_first, "only_first": test.only_second, "mid_p_value": test.mid_p_value},
        "metrics": {name: metric_document(metric) for name, metric in paired.metrics.items()},
    }
