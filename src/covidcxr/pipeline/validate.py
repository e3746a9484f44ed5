"""``validate``: what a bundle is worth on a hospital's own images, offline, without naming anybody.

It is an evaluation on one external cohort, laid beside what was measured before where that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from covidcxr.core.errors import EvaluationError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport
from covidcxr.dataset.hospital import open_hospital_folder
from covidcxr.metrics.bootstrap import Method
from covidcxr.models.bundle import Bundle
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.report.folder import JSON, read_any_reports


def validate(
    bundle: Path,
    folder: Path,
    out: Path,
    *,
    against: Path | None = None,
    class_map: Mapping[str, str] | None = None,
    prevalence: Mapping[str, float] | None = None,
    method: Method = "percentile",
    statements: Mapping[str, str] | None = None,
    pictures: bool = False,
    audit: bool = False,
    explain: bool = True,
    rounds: int | None = None,
    seed: int = 0,
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
        against: Folder of an earlier report of the same bundle, whose leading cohort the new one is laid beside; by
            default ``report`` beside the bundle, where there is one.
        class_map: A label of the folder to one of the bundle's classes.
        prevalence: Class to the prevalence at which predictive values are wanted too.
        method: How intervals are taken from the bootstrap.
        statements: What the author states for the checklists.
        pictures: Put pictures of the surest mistakes into the report; off, so that the report holds no image.
        audit: Also run the shortcut audits (minutes).
        explain: Also say how much of the heat maps of up to 200 films is lung.
        rounds: Bootstrap rounds.
        seed: Of the bootstrap.
        device: Where the network runs.
        command: What was typed.
        cache: Folder of packed images.
        progress: Who follows the work.

    Raises:
        CovidCxrError: If bundle, folder or the earlier report is not as expected, or ``out`` cannot be written.
    """
    info = Bundle.load(bundle).info
    before = _before(bundle, against)
    dataset = open_hospital_folder(folder, info.classes, class_map or {})
    reports = evaluate(
        bundle,
        [dataset],
        out,
        before=before,
        prevalence=prevalence,
        method=method,
        statements=statements,
        pictures=pictures,
        audit=audit,
        explain=explain,
        rounds=rounds,
        seed=seed,
        device=device,
        command=command,
        cache=cache,
        progress=progress,
    )
    return reports[0]


def _before(bundle: Path, against: Path | None) -> EvaluationReport | None:
    """Return the leading cohort of an earlier report of the same bundle.

    Raises:
        EvaluationError: If ``against`` was named and holds no report of this bundle.
    """
    place = against or Path(bundle).absolute().parent / "report"
    found = read_any_reports(place, bundle_id=Bundle.load(bundle, verify=False).bundle_id)
    if found:
        return found[0]
    if against is not None:
        raise EvaluationError(
            f"{against}: no {JSON} of this bundle; expected the report folder of `covidcxr evaluate` on the same bundle"
        )
    return None
