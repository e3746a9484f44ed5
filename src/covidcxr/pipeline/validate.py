"""``validate``: what a bundle is worth on a hospital's own images, offline, without naming anybody.

It is an evaluation on one external cohort, laid beside what was measured before where that is known.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from covidcxr.core.errors import EvaluationError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport
from covidcxr.dataset.hospital import open_hospital_folder
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.report_files import JSON
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.report.folder import read_any_reports


def validate(
    bundle: Path,
    folder: Path,
    out: Path,
    *,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    against: Path | None = None,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> EvaluationReport:
    """Measure ``bundle`` on the images in ``folder`` and write the report to the folder ``out``.

    Args:
        bundle: Folder of the bundle.
        folder: Class folders, or a folder with labels.csv (see `covidcxr.dataset.hospital`).
        out: Folder of the report.
        settings: What is measured, and how; unless asked for otherwise the report holds no image.
        against: Folder of an earlier report of the same bundle, whose leading cohort the new one is laid beside; by
            default ``report`` beside the bundle, where there is one.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Progress reporter.

    Raises:
        CovidCxrError: If bundle, folder or the earlier report is not as expected, or ``out`` cannot be written.
    """
    loaded = Bundle.load(bundle)
    before = _before(loaded, against)
    dataset = open_hospital_folder(folder, loaded.info.classes, settings.class_map)
    reports = evaluate(
        loaded,
        [dataset],
        out,
        settings=replace(
            settings,
            class_map={},  # the folder's labels are the bundle's by now
            pictures=bool(settings.pictures),
        ),
        before=before,
        device=device,
        command=command,
        cache=cache,
        progress=progress,
    )
    return reports[0]


def _before(bundle: Bundle, against: Path | None) -> EvaluationReport | None:
    """Return the leading cohort of an earlier report of the same bundle.

    Raises:
        EvaluationError: If ``against`` was named and holds no report of this bundle.
    """
    place = against or bundle.folder.absolute().parent / "report"
    found = read_any_reports(place, bundle_id=bundle.bundle_id)
    if found:
        return found[0]
    if against is not None:
        raise EvaluationError(
            f"{against}: no {JSON} of this bundle; expected the report folder of `covidcxr evaluate` on the same bundle"
        )
    return None
