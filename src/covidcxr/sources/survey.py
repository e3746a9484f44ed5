"""What every registered source holds on this machine: the facts behind ``covidcxr sources list``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from covidcxr.core.errors import SourceError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import View
from covidcxr.sources import SOURCES
from covidcxr.sources.source import SourceInfo

NO_LABEL = "no label"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceStatus:
    """One source, as found.

    Attributes:
        folder: None if it is not below the root.
        fetchable: Whether ``covidcxr sources fetch`` can download it.
        fault: Why its folder cannot be read; empty if it can.
        num_rows, num_files, num_records: Metadata rows, image files, and images with both.
        num_patients: Distinct known patients of the records.
        labels: Records by label, "no label" among them.
        frontal: Of those, records that no metadata calls lateral or CT.
        problems: By rule (see `covidcxr.sources.source.SourceListing`).
    """

    info: SourceInfo
    folder: Path | None = None
    fetchable: bool = False
    fault: str = ""
    version: str = ""
    num_rows: int = 0
    num_files: int = 0
    num_records: int = 0
    num_patients: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    frontal: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)


def survey(root: Path | None, *, progress: Progress = SILENT) -> list[SourceStatus]:
    """Return the status of every registered source below ``root``, by name; a broken one does not stop the others."""
    names = SOURCES.names()
    return [_status(name, root) for name in progress.track(names, total=len(names), label="reading sources")]


def _status(name: str, root: Path | None) -> SourceStatus:
    source = SOURCES.get(name)()
    fetchable = source.plan is not None
    folder = source.find(root) if root is not None else None
    if folder is None:
        return SourceStatus(info=source.info, fetchable=fetchable)
    try:
        listing = source.read(folder)
    except SourceError as error:
        return SourceStatus(info=source.info, folder=folder, fetchable=fetchable, fault=str(error))
    frontal = [record for record in listing.records if record.view not in {View.LATERAL, View.CT}]
    return SourceStatus(
        info=source.info,
        folder=folder,
        fetchable=fetchable,
        version=listing.version,
        num_rows=listing.num_rows,
        num_files=listing.num_files,
        num_records=len(listing.records),
        num_patients=len({record.patient_id for record in listing.records if record.patient_id}),
        labels=_counts(record.label for record in listing.records),
        frontal=_counts(record.label for record in frontal),
        problems=_counts(problem.rule for problem in listing.problems),
    )


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(name or NO_LABEL for name in names).items()))
