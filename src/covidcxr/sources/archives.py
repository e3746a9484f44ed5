"""Unpacking archives that others made: never outside the target, never a link, never more than a limit.

An archive is data from the network. One that climbs out of its folder, or that unpacks to far more than it should, is
refused whole; links and device files inside it are left out and said.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from covidcxr.core.artefacts import writing_to
from covidcxr.core.errors import SourceError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.sources.folder import claimed_path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much one archive may unpack to.

    ``max_ratio`` bounds unpacked to packed bytes; radiographs hardly compress (the real archives stay below 2), but
    metadata does, so it counts only from ``ratio_from_bytes`` on.
    """

    max_bytes: int = 64 << 30
    max_members: int = 1_000_000
    max_ratio: float = 50.0
    ratio_from_bytes: int = 64 << 20


@dataclass(slots=True)
class _Budget:
    archive: Path
    limits: Limits
    packed: int
    bytes: int = 0
    members: int = 0

    def count_member(self) -> None:
        self.members += 1
        if self.members > self.limits.max_members:
            self._refuse(f"holds more than {self.limits.max_members} members")

    def count_bytes(self, number: int) -> None:
        self.bytes += number
        if self.bytes > self.limits.max_bytes:
            self._refuse(f"unpacks to more than {self.limits.max_bytes} bytes")
        if self.bytes > self.limits.ratio_from_bytes and self.bytes > self.limits.max_ratio * self.packed:
            self._refuse(f"unpacks to more than {self.limits.max_ratio:g} times its size")

    def _refuse(self, fault: str) -> None:
        raise SourceError(f"{self.archive}: {fault}; refused as a decompression bomb; fetch it again from its origin")


def unpack(
    archive: Path,
    target: Path,
    *,
    strip: int = 0,
    keep: tuple[str, ...] = (),
    limits: Limits | None = None,
    progress: Progress = SILENT,
) -> int:
    """Unpack the files of a ZIP or TAR archive below ``target`` and return how many.

    ``strip`` leading folders are removed from every name; with ``keep``, only files whose first remaining folder (or
    own name) is among them are written. Permissions, owners and times in the archive are ignored.

    Raises:
        SourceError: If the archive is broken, encrypted, climbs out of ``target``, holds two members of one name or
            exceeds ``limits``.
        OutputError: If ``target`` cannot be written.
    """
    budget = _Budget(archive=archive, limits=limits or Limits(), packed=max(1, archive.stat().st_size))
    written: set[str] = set()
    left_out = 0
    try:
        members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)
        for name, stream in progress.track(members, total=None, label=f"unpacking {archive.name}"):
            budget.count_member()
            path = _clean(archive, name, strip)
            if not path or (keep and path.partition("/")[0] not in keep):
                continue
            if stream is None:
                left_out += 1
                continue
            _check_free(archive, target, path, written)
            _write(stream, target / path, budget)
            written.add(path)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{archive}: not a whole ZIP or TAR archive ({error}); fetch it again") from None
    if left_out:
        progress.message(f"{archive.name}: {left_out} links or special files left out")
    return len(written)


def _clean(archive: Path, name: str, strip: int) -> str:
    path, fault = claimed_path(name)
    if fault:
        raise SourceError(f"{archive}: a member {fault}; the archive is not what its origin publishes")
    return "/".join(PurePosixPath(path).parts[strip:])


def _check_free(archive: Path, target: Path, path: str, written: set[str]) -> None:
    """Refuse a member that would take the place of another, or go through a link that lies in ``target``."""
    fault = ""
    folders = {parent.as_posix() for parent in PurePosixPath(path).parents}
    if path in written:
        fault = f"two members that are both unpacked to {path!r}"
    elif clash := sorted(folders & written):
        fault = f"a member {clash[0]!r} that is a file, and a folder to {path!r}"
    elif (target / path).is_dir():
        fault = f"a member {path!r} that is a file, and a folder to others"
    elif not (target / path).resolve().is_relative_to(target.resolve()):
        raise SourceError(f"{target}: a link inside it leads {path!r} out of it; unpack {archive} into an empty folder")
    if fault:
        raise SourceError(f"{archive}: holds {fault}; the archive is not what its origin publishes; fetch it again")


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir():
                continue
            if kind not in {0, stat.S_IFREG}:
                yield member.filename, None
                continue
            with content.open(member) as stream:
                yield member.filename, stream


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with tarfile.open(archive, "r|*") as content:
        for member in content:
            if member.isdir():
                continue
            yield member.name, content.extractfile(member) if member.isfile() else None


def _write(stream: IO[bytes], path: Path, budget: _Budget) -> None:
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        output = path.open("wb")
    with output:
        while chunk := stream.read(_CHUNK_BYTES):
            budget.count_bytes(len(chunk))
            with writing_to(path):
                output.write(chunk)
