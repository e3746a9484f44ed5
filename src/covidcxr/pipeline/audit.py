"""``audit``: a bundle and a dataset in, a report folder of its shortcut audits out.

The folder holds ``report.html``, ``report.json`` and ``figures/``; it is written atomically. What an audit does is left
to `covidcxr.audit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covidcxr.audit.context import AUDIT_INTERVALS
from covidcxr.audit.run import Audited, run_audits
from covidcxr.audit.sections import audit_document, audit_section
from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.version import release
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings, refuse_unused
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.page import Facts, Headline, Page, Section, Tile, interval, number
from covidcxr.outputs.report_files import JSON, write_report_files
from covidcxr.outputs.report_json import report_document
from covidcxr.pipeline.cohorts import open_dataset, training_cache


def audit(
    bundle: Path,
    dataset: Path,
    out: Path,
    *,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    names: Sequence[str] | None = None,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Audited:
    """Audit ``bundle`` on ``dataset`` for shortcuts and write the report to the folder ``out``.

    Args:
        bundle: Folder of the bundle.
        dataset: Compiled dataset or class-folder tree; probes are fitted on its ``train`` part where it has one.
        out: Folder of the report; an older report there is replaced.
        settings: What is audited, and how: ``split``, ``rounds`` (by default 1,000), ``seed``, ``method`` and
            ``class_map``.
        names: Which audits; None for all.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Progress reporter.

    Raises:
        CovidCxrError: If the bundle or the dataset is not whole, an audit is unknown, or ``out`` cannot be written.
    """
    refuse_unused(settings, "audit", ("split", "rounds", "seed", "method", "class_map"))
    check_place(out, JSON, "report", [Path(bundle), Path(dataset)])
    loaded = Bundle.load(bundle)
    audited = run_audits(
        loaded,
        open_dataset(dataset, loaded.info.classes, settings.class_map),
        cache=cache or training_cache(),
        split=settings.split,
        names=names,
        intervals=settings.intervals(AUDIT_INTERVALS.rounds),
        device=device,
        progress=progress,
    )
    page = audit_page(audited, command=command)
    with atomic_directory(out) as folder:
        write_report_files(page, document(audited), folder)
    return audited


def document(audited: Audited) -> dict[str, Any]:
    """Return what ``report.json`` and ``--json`` say."""
    findings = audited.verdict.findings
    return report_document(
        [audited.report],
        verdict=audited.verdict.value,
        reasons=audited.verdict.reasons,
        synthetic=audited.dataset.synthetic or audited.bundle.info.synthetic,
        details={
            "bundle": audited.bundle.bundle_id,
            "dataset": audited.dataset.digest,
            "split": audited.split,
            "device": audited.device,
            "findings": [asdict(finding) for finding in findings],
            "change": list(dict.fromkeys(finding.change for finding in findings if finding.change)),
            "audits": audit_document(audited.results),
            "seconds": audited.seconds,
        },
    )


def audit_page(audited: Audited, *, command: str = "") -> Page:
    """Return the page of one run of the audits."""
    info, report, focus = audited.bundle.info, audited.report, audited.context.focus
    findings = audited.verdict.findings
    auroc = report.metrics[f"auroc/{focus}"]
    flagged = sum(bool(result.flagged) for result in audited.results)
    limits = f" (95 % confidence interval {interval(auroc, digits=2)})" if auroc.low is not None else ""
    headline = Headline(
        score=f"AUROC {number(auroc.value, digits=2)} for {focus}{limits}: what is it worth?",
        verdict=audited.verdict.value,
        worth=audited.verdict.reasons,
        change=tuple(dict.fromkeys(finding.change for finding in findings if finding.change)),
        tiles=(
            Tile(
                label="Audits flagged", value=f"{flagged} of {len(audited.results)}", tone="bad" if flagged else "good"
            ),
            Tile(label=f"AUROC, {focus}", value=number(auroc.value, digits=2), detail=interval(auroc, digits=2)),
            Tile(label="Patients", value=str(report.num_patients), detail=f"{report.num_images} images"),
        ),
    )
    facts = (
        ("Command", command or "Python API: covidcxr.pipeline.audit"),
        ("Bundle", f"{audited.bundle.bundle_id}, {info.title or info.name}"),
        ("Dataset", f"{audited.dataset.name}, split {audited.split}, digest {audited.dataset.digest}"),
        ("Device", audited.device),
        ("Intervals", f"{audited.context.intervals.method}, by patient; seed {audited.context.seed}"),
        ("Seconds", ", ".join(f"{name} {seconds}" for name, seconds in audited.seconds.items())),
    )
    return Page(
        kicker="covidcxr shortcut audit",
        title=info.title or info.name,
        subtitle=f"{info.network.name}, bundle {audited.bundle.bundle_id}, audited on {audited.dataset.name}",
        headline=headline,
        sections=(
            audit_section(audited.results, focus),
            Section(anchor="provenance", title="Provenance", blocks=(Facts(items=facts),)),
        ),
        synthetic=info.synthetic or audited.dataset.synthetic,
        footer=f"covidcxr {release()}. Every number is also in report.json.",
    )
