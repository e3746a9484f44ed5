"""Fetching a source from its public origin into the sources root.

GitHub and NIH archives come over HTTP (``download``, ``archives``), Kaggle datasets through its public client
(kagglehub, extra ``kaggle``). Work in progress lies in ``ROOT/.fetching/NAME`` and survives an interruption: a later
call goes on from there. The source's folder appears whole, verified, or not at all.

``COVIDCXR_MIRROR`` names another address that serves the same paths below ``/github`` and ``/nih``, for networks
that cannot reach the public origins; the Kaggle client has variables of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from covidcxr.core.artefacts import writing_to
from covidcxr.core.digests import file_sha256
from covidcxr.core.download import download
from covidcxr.core.errors import MissingExtraError, SourceError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.sources import SOURCES
from covidcxr.sources.archives import unpack
from covidcxr.sources.plan import FetchPlan, KaggleFiles, RemoteArchive
from covidcxr.sources.source import VERSION_FILE, Source

MIRROR_VARIABLE = "COVIDCXR_MIRROR"
WORK_FOLDER = ".fetching"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origins:
    """Addresses of the public origins, without a slash at the end."""

    github: str = "https://codeload.github.com"
    nih: str = "https://nihcc.box.com/shared/static"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Origins:
        """Return the public origins, or those of the mirror that ``COVIDCXR_MIRROR`` names."""
        mirror = (os.environ if environment is None else environment).get(MIRROR_VARIABLE, "").rstrip("/")
        return cls(github=f"{mirror}/github", nih=f"{mirror}/nih") if mirror else cls()

    def url(self, archive: RemoteArchive) -> str:
        """Return the full address of ``archive``."""
        base = self.github if archive.origin == "github" else self.nih
        return f"{base}/{archive.path}"


def fetchable_sources() -> list[str]:
    """Return the names of the sources that can be downloaded."""
    return [name for name, source in SOURCES.items() if source.plan is not None]


def fetch_source(
    name: str,
    root: Path,
    *,
    origins: Origins | None = None,
    progress: Progress = SILENT,
    pause_seconds: float = 2.0,
) -> Path:
    """Fetch one source below ``root`` and return its folder; one that is there already is left alone.

    Raises:
        RegistryError: If no source has that name.
        SourceError: If it has no public download, or the origin cannot be reached or sends something else.
        MissingExtraError: If the Kaggle client is needed and not installed.
        OutputError: If ``root`` cannot be written.
    """
    source = SOURCES.get(name)()
    present = source.locate(root)
    if present is not None:
        progress.message(f"{name}: already there, in {present}")
        return present
    plan = source.plan
    if plan is None:
        raise SourceError(
            f"{name}: has no public download that a program may use; {source.fetch_hint} (those that have one: "
            f"{', '.join(fetchable_sources())})"
        )
    target = root / source.info.folders[0]
    if target.exists():
        raise SourceError(f"{target}: is there, but without {source.info.layout}; move it away and fetch {name} again")
    work = root / WORK_FOLDER / name
    tree = work / "tree"
    with writing_to(work):
        tree.mkdir(parents=True, exist_ok=True)
    if plan.note:
        progress.message(f"{name}: {plan.note}")
    origins = origins or Origins.from_environment()
    for archive in plan.archives:
        _fetch_archive(archive, origins.url(archive), work, progress=progress, pause_seconds=pause_seconds)
    if plan.kaggle is not None:
        _fetch_kaggle(source, plan.kaggle, tree, progress)
    _finish(source, plan, tree, target)
    with writing_to(work):
        shutil.rmtree(work)
    return target


def _fetch_archive(archive: RemoteArchive, url: str, work: Path, *, progress: Progress, pause_seconds: float) -> None:
    """Download and unpack one archive; a mark left beside it says that an earlier call has done so."""
    done = work / f"{archive.file_name}.unpacked"
    if done.exists():
        return
    path = download(
        url,
        work / archive.file_name,
        size=archive.size,
        sha256=archive.sha256,
        progress=progress,
        pause_seconds=pause_seconds,
    )
    try:
        number = unpack(path, work / "tree", strip=archive.strip, keep=archive.keep, progress=progress)
    except SourceError:
        path.unlink()  # or a later call would take it for whole: not every origin states a size
        raise
    if number == 0:
        path.unlink()
        raise SourceError(
            f"{url}: the archive holds none of {', '.join(archive.keep) or 'any file'}; the origin has changed"
        )
    with writing_to(done):
        done.write_text(url, encoding="utf-8")
        path.unlink()


def _fetch_kaggle(source: Source, files: KaggleFiles, tree: Path, progress: Progress) -> None:
    """Let the Kaggle client download into its own cache (it resumes there), and copy from it."""
    client = _kaggle_client(source.info.name)
    progress.message(f"{source.info.name}: asking Kaggle for {files.handle}")
    for name in files.files:
        _copy(_ask_kaggle(client, files, name), tree / name)
    if files.files:
        return
    cached = _ask_kaggle(client, files, None)
    home = source.home(cached)
    if home is None:
        raise SourceError(
            f"{cached}: what Kaggle sent has not the expected layout ({source.info.layout}); clear the cache of "
            "kagglehub and fetch it again"
        )
    for part in files.keep:
        if (home / part).is_file():
            _copy(home / part, tree / part)
        elif (home / part).is_dir():
            for path in progress.track(sorted((home / part).rglob("*")), total=None, label=f"copying {part}"):
                if path.is_file() and not path.is_symlink():
                    _copy(path, tree / path.relative_to(home))


def _kaggle_client(name: str) -> Any:
    try:
        return import_module("kagglehub")
    except ImportError:
        raise MissingExtraError("kagglehub", "kaggle", f"fetching {name} from Kaggle") from None


def _ask_kaggle(client: Any, files: KaggleFiles, file_name: str | None) -> Path:
    ask = client.competition_download if files.competition else client.dataset_download
    try:
        return Path(ask(files.handle, path=file_name))
    except Exception as error:  # the client raises requests', its own and plain errors alike
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        account = "your Kaggle account (https://www.kaggle.com/docs/api)"
        if files.competition:
            account += f" and that it has accepted the rules at https://www.kaggle.com/c/{files.handle}/rules"
        raise SourceError(
            f"Kaggle {files.handle}: could not be downloaded ({reason}); check the network and, if it asks for one, "
            f"{account}, or put the source's folder in place by hand"
        ) from None


def _copy(path: Path, target: Path) -> None:
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)


def _finish(source: Source, plan: FetchPlan, tree: Path, target: Path) -> None:
    """Verify the finished tree, note its version in it, and put it in place.

    Raises:
        SourceError: If a file has another digest than the plan says, or the source's own reader refuses the tree.
    """
    for name, expected in plan.sha256.items():
        found = file_sha256(tree / name) if (tree / name).is_file() else "missing"
        if found != expected:
            _reset(tree)
            raise SourceError(
                f"{source.info.name}: {name} has SHA-256 {found}, expected {expected} ({plan.version}); what arrived "
                "was thrown away; the origin has changed, or something altered it"
            )
    try:
        num_records = len(source.read(tree).records)
    except SourceError:
        _reset(tree)
        raise
    if num_records == 0:
        _reset(tree)
        raise SourceError(f"{source.info.name}: what was downloaded holds no image with a description; fetch it again")
    with writing_to(target):
        note = {"source": source.info.name, "version": plan.version, "homepage": source.info.homepage}
        (tree / VERSION_FILE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        tree.rename(target)


def _reset(tree: Path) -> None:
    """Throw away everything that was fetched, so that the next call begins anew."""
    shutil.rmtree(tree.parent, ignore_errors=True)
