"""What a source must download, as data: each source's file states its own plan, and ``fetch`` carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["github", "nih"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteArchive:
    """One archive to download and unpack.

    Attributes:
        origin: Which public origin serves it; ``fetch.Origins`` knows the address.
        path: Below the origin's address.
        file_name: What it is called on disk; its ending tells the format (.zip, .tar.gz).
        size: In bytes, where the origin documents it; None if unknown (GitHub makes its archives on demand).
        sha256: Where known.
        strip: Leading folders removed from every member's name.
        keep: First folders or files (after stripping) that are unpacked; all of them if empty.
    """

    origin: Origin
    path: str
    file_name: str
    size: int | None = None
    sha256: str | None = None
    strip: int = 0
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KaggleFiles:
    """A dataset or competition, or some files of one, that the public Kaggle client downloads.

    Attributes:
        handle: ``owner/dataset/versions/N``, or the name of a competition.
        files: Only these files; everything if empty.
        keep: Folders and files of the whole download that are copied.
        competition: Whether it is a competition, whose rules must be accepted on Kaggle first.
    """

    handle: str
    files: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    competition: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchPlan:
    """Everything that makes up one source's folder.

    Attributes:
        version: Recorded in the folder, and from there in every dataset compiled from it.
        archives: Unpacked into the folder, in order.
        kaggle: Copied into it.
        sha256: Digest of files in the finished folder; checked before the folder appears.
        note: What a person should know before starting (size, terms).
    """

    version: str
    archives: tuple[RemoteArchive, ...] = ()
    kaggle: KaggleFiles | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def github_archive(repository: str, commit: str, keep: tuple[str, ...]) -> RemoteArchive:
    """Return the ZIP archive that GitHub serves for one commit of ``owner/name``.

    GitHub makes it on demand: neither its bytes nor its length are promised, so files inside are verified instead.
    """
    name = f"{repository.rpartition('/')[2]}-{commit}.zip"
    return RemoteArchive(origin="github", path=f"{repository}/zip/{commit}", file_name=name, strip=1, keep=keep)
