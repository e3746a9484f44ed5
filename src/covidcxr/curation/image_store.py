"""Image work that is never done twice: run in parallel, kept while a compile is under way, used again by the next.

Two places are looked at. The dataset that stands at the output path holds ``image-facts.jsonl`` and its images. A
hidden sibling, ``.NAME.work``, holds what an interrupted compile had finished. Both are believed only if they were
made with the same conversion settings and the same code.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Literal

from covidcxr import imaging
from covidcxr.core.artefacts import writing_to
from covidcxr.core.digests import file_sha256, json_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.progress import Progress
from covidcxr.core.worker_processes import exit_with_parent
from covidcxr.curation import image_work
from covidcxr.curation.image_work import (
    ImageFacts,
    ImageJob,
    do_image_work,
    one_opencv_thread,
    prepare_worker,
    stored_path,
)
from covidcxr.curation.ray_engine import run_on_ray

Engine = Literal["local", "ray"]
FACTS_FILE = "image-facts.jsonl"
_BATCH = 4096  # jobs handed to the pool at a time, so that an archive is never all in flight
_CHUNK = 8
_FLUSH_EVERY = 64
_FEW = 24  # below this many images a pool costs more than it saves


class ImageStore:
    """Facts and converted pictures of the images of one dataset.

    Attributes:
        folder: The hidden sibling that takes finished work until the dataset is whole.
        num_worked: Images that were really decoded by this store.
    """

    def __init__(
        self, out: Path, *, longest_side: int, jpeg_quality: int, look: tuple[str, ...] = (), engine: Engine = "local"
    ) -> None:
        self.folder = out.with_name(f".{out.name}.work")
        self.num_worked = 0
        self._engine = engine
        self._out = out
        self._settings = settings_digest(longest_side, jpeg_quality)
        self._longest_side, self._jpeg_quality, self._look = longest_side, jpeg_quality, look
        self._earlier = self._read(out / FACTS_FILE)
        self._earlier |= self._read(self.folder / FACTS_FILE)
        self._pictures: dict[str, tuple[Path, str]] = {}

    def job(self, record_id: str, path: Path, origin: str) -> ImageJob:
        """Return the work on one file, under this store's settings."""
        return ImageJob(
            record_id=record_id,
            path=path,
            origin=origin,
            longest_side=self._longest_side,
            jpeg_quality=self._jpeg_quality,
            look=self._look,
            store=self.folder,
        )

    def facts(self, jobs: Sequence[ImageJob], *, workers: int, progress: Progress) -> dict[str, ImageFacts]:
        """Return the facts of every job by record_id, working only on files that are new or changed.

        Raises:
            OutputError: If the store's folder cannot be written.
            DatasetError: If a worker process dies.
        """
        found = {job.record_id: facts for job in jobs if (facts := self._known(job)) is not None}
        todo = [job for job in jobs if job.record_id not in found]
        return found | self.work(todo, workers=workers, progress=progress)

    def work(self, jobs: Sequence[ImageJob], *, workers: int, progress: Progress) -> dict[str, ImageFacts]:
        """Do the image work of every job, whatever is known already, and keep it.

        Raises:
            OutputError, DatasetError: As `facts`.
        """
        if not jobs:
            return {}
        found: dict[str, ImageFacts] = {}
        with writing_to(self.folder):
            self._begin()
            with (self.folder / FACTS_FILE).open("a", encoding="utf-8") as log:
                results = progress.track(self._run(jobs, workers), total=len(jobs), label="images")
                for number, facts in enumerate(results, 1):
                    found[facts.record_id] = facts
                    log.write(facts.to_json() + "\n")
                    self.num_worked += 1
                    if number % _FLUSH_EVERY == 0:
                        log.flush()
        return found

    def offer_pictures(self, pictures: Mapping[str, tuple[Path, str]]) -> None:
        """Make the images of an earlier dataset available: source digest to (file, SHA-256 of the file)."""
        self._pictures = dict(pictures)

    def picture(self, facts: ImageFacts) -> Path | None:
        """Return a file that holds exactly the converted image of ``facts``, or None if none is at hand."""
        fresh = stored_path(self.folder, facts.sha256)
        if fresh.is_file():
            return fresh
        path, digest = self._pictures.get(facts.sha256, (None, ""))
        if path is None or digest != facts.image_sha256 or not path.is_file() or file_sha256(path) != digest:
            return None
        return path

    def write_facts(self, path: Path, facts: Iterable[ImageFacts]) -> None:
        """Write facts for the next compile."""
        with path.open("w", encoding="utf-8") as stream:
            stream.write(self._header())
            stream.writelines(item.to_json() + "\n" for item in facts)

    def discard(self) -> None:
        """Remove the hidden folder; the dataset now holds all that was in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _header(self) -> str:
        return json.dumps({"settings": self._settings}) + "\n"

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / FACTS_FILE
        if log.is_file() and _first_line(log) == self._header():
            _drop_partial_line(log)
            return
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        log.write_text(self._header(), encoding="utf-8")

    def _read(self, path: Path) -> dict[str, ImageFacts]:
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError):
            return {}
        if not lines or lines[0] != self._header():
            return {}
        found: dict[str, ImageFacts] = {}
        for line in lines[1:]:
            try:
                facts = ImageFacts.from_json(line)
            except (ValueError, TypeError, KeyError):
                break  # cut short by a kill; the rest is worked on again
            found[facts.record_id] = facts
        return found

    def _run(self, jobs: Sequence[ImageJob], workers: int) -> Iterator[ImageFacts]:
        return run_on_ray(jobs) if self._engine == "ray" else run_jobs(jobs, workers)

    def _is_looked_at(self, facts: ImageFacts) -> bool:
        seen = {name.partition("/")[0] for name in facts.scores}
        return bool(facts.error) or seen.issuperset(self._look)

    def _known(self, job: ImageJob) -> ImageFacts | None:
        earlier = self._earlier.get(job.record_id)
        if earlier is None or not self._is_looked_at(earlier):
            return None
        try:
            status = job.path.stat()
        except OSError:
            return None
        if status.st_size != earlier.size_bytes:
            return None
        if status.st_mtime_ns == earlier.mtime_ns:
            return earlier
        if not earlier.sha256 or file_sha256(job.path) != earlier.sha256:
            return None
        return replace(earlier, mtime_ns=status.st_mtime_ns)


def settings_digest(longest_side: int, jpeg_quality: int) -> str:
    """Return a digest of all that decides the result of the image work: the settings and the code that does it."""
    folders = [Path(place) for place in imaging.__path__]
    sources = [*sorted(path for folder in folders for path in folder.rglob("*.py")), Path(image_work.__file__)]
    code = [file_sha256(path) for path in sources]
    return json_sha256({"longest_side": longest_side, "jpeg_quality": jpeg_quality, "code": code})


def run_jobs(jobs: Sequence[ImageJob], workers: int) -> Iterator[ImageFacts]:
    """Yield the facts of every job in order, from ``workers`` processes.

    Raises:
        DatasetError: If a worker process dies.
        OSError: If a converted image cannot be written.
    """
    if workers <= 1 or len(jobs) < _FEW:
        yield from map(do_image_work, jobs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_start_worker)
    try:
        with one_opencv_thread():
            for start in range(0, len(jobs), _BATCH):
                yield from pool.map(do_image_work, jobs[start : start + _BATCH], chunksize=_CHUNK)
    except BrokenProcessPool as error:
        raise DatasetError(
            "a worker process died, most likely for want of memory; "
            "what was finished is kept: run the same command again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """Fork where that is safe, because a fresh interpreter takes a second; spawn where other threads run."""
    alone = threading.active_count() == 1 and "torch" not in sys.modules
    return multiprocessing.get_context("fork" if alone and sys.platform.startswith("linux") else "spawn")


def _start_worker() -> None:
    exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - os.devnull is a name, not a path of ours
        os.dup2(nowhere.fileno(), 2)  # what decoders remark there names no file; facts carry what matters
    prepare_worker()


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline()


def _drop_partial_line(path: Path) -> None:
    data = path.read_bytes()
    if not data.endswith(b"\n"):
        with path.open("r+b") as stream:
            stream.truncate(data.rfind(b"\n") + 1)
            os.fsync(stream.fileno())
