"""What a public source is: facts about it, where it lies on disk, and how its folder reads into records.

How a file is decoded, and which records a dataset keeps, is known elsewhere.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import ClassVar

from covidcxr.core.class_names import ClassNames, taken_sentence
from covidcxr.core.csv_tables import Table
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError, SourceError
from covidcxr.core.types import Exclusion, Record
from covidcxr.sources.folder import LINK_OUTSIDE, ImageFolder, claimed_path
from covidcxr.sources.plan import FetchPlan
from covidcxr.sources.tables import Rows

_ARCHIVE_ENDING = re.compile(r"-(master|main|[0-9a-f]{7,40}|v?\d+(\.\d+)*)$", re.IGNORECASE)
_COMMIT = re.compile(r"-([0-9a-f]{40})$")

VERSION_FILE = "FETCHED.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceInfo:
    """Facts about a public source.

    Attributes:
        name: In the registry, in recipes and in every ``record_id``.
        title: What a person calls it.
        folders: Names its folder may have below the sources root, the usual one first; case and the endings of
            archives (``-master``, ``-<commit>``) do not matter.
        layout: What the folder must hold, in one line, for messages.
        licence: As the source states it, with its terms of use.
        citation: How its authors ask to be cited.
        homepage: Where a person reads about it.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    layout: str
    licence: str
    citation: str
    homepage: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceListing:
    """Everything found in a source's folder.

    Attributes:
        records: One an image that has both a file and a description; sorted by record_id.
        problems: What could not become a record, by rule: ``no-file`` (a row without its file), ``no-metadata``
            (a file without a row), ``same-file`` (a second row for a file), ``outside-folder`` (a row that claims
            a file elsewhere), ``link-outside`` (a symbolic link that leads elsewhere), ``mask`` (an outline of lungs
            beside the images). Sorted by record_id.
        version: Release, commit or digest of the metadata; ``unversioned`` if nothing tells.
        num_rows: Rows of the metadata; 0 if the source has none.
        num_files: Image files found, links included.
        notes: Plain sentences on metadata that was not understood although no image is left out for it.
    """

    records: tuple[Record, ...]
    problems: tuple[Exclusion, ...]
    version: str
    num_rows: int
    num_files: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A metadata row and its file.

    ``key`` is the file's name, or its path in the source where the name is not unique; ``also`` are further rows
    that claim the same file.
    """

    row: dict[str, str]
    path: Path
    key: str
    also: tuple[dict[str, str], ...] = ()


class Source(ABC):
    """A public source; one subclass a file, registered in ``SOURCES``."""

    info: ClassVar[SourceInfo]
    plan: ClassVar[FetchPlan | None] = None
    fetch_hint: ClassVar[str] = "put its folder in place by hand"

    def locate(self, root: Path) -> Path | None:
        """Return the folder of this source below ``root``, absolute and resolved as its files' paths are, or None.

        Names are tried in the order of ``info.folders``; where several folders match one name, the first in
        alphabetical order that has the layout is taken.
        """
        homes = (self.home(child) for child in self._namesakes(root))
        return next((home for home in homes if home is not None), None)

    def find(self, root: Path) -> Path | None:
        """Return what `locate` does or, where no folder has the layout, the first that has at least the name.

        `read` then says what is there and what is expected.
        """
        found = self.locate(root)
        if found is not None:
            return found
        child = next(iter(self._namesakes(root)), None)
        if child is None:
            return None
        return next((child / name for name in self.info.folders if (child / name).is_dir()), child)

    def _namesakes(self, root: Path) -> list[Path]:
        if not root.is_dir():
            return []
        by_name: dict[str, list[Path]] = {}
        for child in sorted(root.iterdir()):
            if child.is_dir():
                by_name.setdefault(_ARCHIVE_ENDING.sub("", child.name.casefold()), []).append(child)
                by_name.setdefault(child.name.casefold(), []).append(child)
        return [child for name in self.info.folders for child in by_name.get(name.casefold(), [])]

    def home(self, folder: Path) -> Path | None:
        """Return ``folder``, or the folder nested in it as archives do, resolved; None without this source's layout."""
        inner = [folder, *(folder / name for name in self.info.folders)]
        return next((candidate.resolve() for candidate in inner if self.has_layout(candidate)), None)

    @abstractmethod
    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` looks like this source's, by the presence of a few names only."""

    @abstractmethod
    def read(self, folder: Path) -> SourceListing:
        """Return every record and every problem of ``folder``.

        Raises:
            SourceError: If the folder or its metadata is not as the documented release lays it out.
        """

    def problem(self, rule: str, key: str, path: str, detail: str) -> Exclusion:
        """Return a problem of this source; ``key`` completes its record_id."""
        name = self.info.name
        return Exclusion(record_id=f"{name}:{key}", source=name, path=path, rule=rule, detail=detail)

    def check_layout(self, folder: Path) -> None:
        """Raise unless ``folder`` has this source's layout.

        Raises:
            SourceError: If it does not; the message says what is there and what is expected.
        """
        if self.has_layout(folder):
            return
        raise SourceError(
            f"{folder}: found {_contents(folder) or 'no files'}; expected {self.info.layout} ({self.info.title}); "
            f"change the folder so, or {self.how_to_get()}"
        )

    def how_to_get(self) -> str:
        """Return what to do for its folder: the command that fetches it or, where none can, what a person does."""
        return self.fetch_hint if self.plan is None else f"fetch it with: covidcxr sources fetch {self.info.name}"


def _contents(folder: Path) -> str:
    """Return the names in ``folder``, each subfolder with the names of its own subfolders, a few of each."""
    return _some((_with_folders(child) for child in _sorted_children(folder)), 12)


def _with_folders(path: Path) -> str:
    if not path.is_dir():
        return path.name
    inner = _some((f"{child.name}/" for child in _sorted_children(path) if child.is_dir()), 4)
    return f"{path.name}/ ({inner})" if inner else f"{path.name}/"


def _sorted_children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _some(names: Iterable[str], limit: int) -> str:
    first = list(islice(names, limit + 1))
    return ", ".join(first if len(first) <= limit else [*first[:limit], "..."])


def match_rows(
    source: Source, table: Table | Rows, files: ImageFolder, claim: Callable[[dict[str, str]], str]
) -> tuple[list[Match], list[Exclusion]]:
    """Pair each row of ``table`` with its file; every row and every file ends in a match or in a problem.

    ``claim`` returns the path, relative to the source's folder, that a row claims. A path is looked up as
    written, then without case; then, if it has no folder part or a wrong one, nowhere else.
    """
    rows = table if isinstance(table, Rows) else Rows.of(table)
    matches: dict[str, Match] = {}
    problems = refused_problems(source, files)
    for number, row in enumerate(rows.rows, start=rows.first_line):
        claimed = claim(row)
        where = f"{table.path.name} row {number}"
        path, fault = claimed_path(claimed)
        if fault:
            problems.append(source.problem("outside-folder", f"row-{number}", claimed, f"{where}: {fault}"))
            continue
        if path in files.refused:
            continue
        found = files.find(path)
        if found is None:
            problems.append(
                source.problem("no-file", f"{path or 'blank'}#row-{number}", path, f"{where}: no such file")
            )
        elif found in matches:
            first = matches[found]
            matches[found] = Match(row=first.row, path=first.path, key=first.key, also=(*first.also, row))
            problems.append(
                source.problem("same-file", f"{found}#row-{number}", found, f"{where}: a second row for it")
            )
        else:
            matches[found] = Match(row=row, path=files.path(found), key=files.key(found))
    unclaimed = [name for name in files.names if name not in matches]
    detail = f"no row of {table.path.name} names it"
    problems += [source.problem("no-metadata", files.key(name), name, detail) for name in unclaimed]
    return list(matches.values()), problems


def refused_problems(source: Source, files: ImageFolder) -> list[Exclusion]:
    """Return a problem for each link and file that the listing of a source's folder passed over."""
    return [source.problem(item.rule, item.path, item.path, item.detail) for _, item in sorted(files.refused.items())]


def agreed_label(match: Match, read: Callable[[dict[str, str]], str | None]) -> tuple[str | None, str]:
    """Return (label, doubt) over all rows that claim one file: the label is None where they disagree."""
    labels = {read(row) for row in (match.row, *match.also)}
    if len(labels) == 1:
        return labels.pop(), ""
    return None, f"{len(match.also) + 1} rows for this file disagree on the finding"


def read_label(names: ClassNames, finding: str, *, where: str, beside: Hashable | None = None) -> str | None:
    """Return the label that a finding means, or None; what was taken as what is kept in ``names``.

    Raises:
        SourceError: If another finding would become one class with it.
    """
    if names.find(finding) is None:
        return None
    try:
        return names.read(finding, where=where, beside=beside)
    except DatasetError as error:
        raise SourceError(str(error)) from None


def taken_notes(names: ClassNames) -> tuple[str, ...]:
    """Return the note of a listing that says which names were taken as which class, if any was."""
    return (f"Names of classes: {taken_sentence(names.taken)}.",) if names.taken else ()


def listing(
    source: Source,
    records: list[Record],
    problems: list[Exclusion],
    *,
    version: str,
    num_rows: int,
    files: ImageFolder,
    notes: tuple[str, ...] = (),
) -> SourceListing:
    """Return the sorted listing.

    Raises:
        SourceError: If two records have one id, which would be a fault of the reader or of the release.
    """
    records = sorted(records, key=lambda record: record.record_id)
    for first, second in pairwise(records):
        if first.record_id == second.record_id:
            raise SourceError(
                f"{source.info.name}: {first.path} and {second.path} have one id, {first.record_id}; rename one"
            )
    return SourceListing(
        records=tuple(records),
        problems=tuple(sorted(problems, key=lambda problem: (problem.record_id, problem.rule))),
        version=version,
        num_rows=num_rows,
        num_files=len(files.names) + sum(item.rule == LINK_OUTSIDE for item in files.refused.values()),
        notes=notes,
    )


def folder_version(folder: Path, metadata: Path | None = None) -> str:
    """Return the version noted by ``fetch``, else the commit in the folder's name, else the metadata's digest.

    Without any of them it is ``unversioned``.
    """
    noted = folder / VERSION_FILE
    if noted.is_file():
        try:
            return str(json.loads(noted.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            raise SourceError(f"{noted}: not a note of covidcxr sources fetch; delete it") from None
    commit = _COMMIT.search(folder.name)
    if commit:
        return f"commit {commit[1]}"
    return f"metadata sha256:{file_sha256(metadata)[:16]}" if metadata is not None else "unversioned"
