"""Inputs to preprocessed arrays, several at a time, in order, with bounded look-ahead.

A fault of one input is a value here (`Fault`), never an exception, so that one bad image cannot stop a run; what would
be the fault of every input (`prepare` says which) is one. What becomes of the arrays is not known here.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import CovidCxrError, ImageReadError
from covidcxr.core.processors import num_processors
from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.core.worker_processes import exit_with_parent
from covidcxr.imaging.formats import HEAD_BYTES, FileFormat, sniff
from covidcxr.imaging.lungs.segment import MIN_SIDE, LungFields, segment_lungs
from covidcxr.imaging.memory import one_image
from covidcxr.imaging.preprocess import check_pixels, finish, part_of, squeeze
from covidcxr.imaging.reading import Readable, read
from covidcxr.imaging.small_network import in_bfloat16
from covidcxr.inference.dicomweb import RemoteFilm

Source = Readable | Radiograph | RemoteFilm
_FEW = 16  # images that are sooner decoded than processes are started


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One input and what results call it.

    Attributes:
        record_id: In results and messages.
        source: Where its pixels are.
        frame: Which frame of a DICOM image, from 0; None for an image of one.
        patient: What results call the patient; empty if nobody asked, or the input does not tell.
        name: What the caller called the input, if ``record_id`` is a pseudonym of it; never in a result.
    """

    record_id: str
    source: Source
    frame: int | None = None
    patient: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """A preprocessed input: float32 (1, S, S), the reader's warnings, and the lungs (S, S) if wanted and found."""

    record_id: str
    image: NDArray[np.float32]
    lungs: NDArray[np.bool_] | None = None
    warnings: tuple[str, ...] = ()
    patient: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An input without a probability, and why: each reason a stable name, a colon, and a sentence.

    ``status`` is ``error`` for what could not be read, ``refuse`` for what the gate will not have judged.
    """

    record_id: str
    reasons: tuple[str, ...]
    status: Literal["error", "refuse"] = "error"
    patient: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What is done to each input.

    Attributes:
        spec: Of the network.
        is_gated: Whether the gate is asked.
        is_turned: Whether the gate turns images.
        has_lungs: Whether the lungs are looked for.
        is_rounded: Whether gate and lung network may run in bfloat16 (`covidcxr.imaging.small_network`).
    """

    spec: PreprocessSpec
    is_gated: bool = False
    is_turned: bool = False
    has_lungs: bool = False
    is_rounded: bool = False


def prepare(item: Item, preparation: Preparation) -> Ready | Fault:
    """Read, gate and preprocess one input; every fault of its own becomes a `Fault`.

    The network's equal channels are made later, from the one that is returned.

    Raises:
        CovidCxrError: If no other input would fare better: an archive that does not answer, weights that are missing.
    """
    try:
        with one_image(), in_bfloat16(preparation.is_rounded):
            return _prepared(item, preparation)
    except ImageReadError as error:
        reason = f"{error.reason}: {error}"
    except MemoryError:
        reason = f"too-large: {item.record_id}: not enough memory to decode it"
    except CovidCxrError:
        raise
    except Exception as error:  # a run of a million images must not end with one that nobody thought of
        words = error.strerror if isinstance(error, OSError) else str(error)  # str() of an OSError holds the path
        first = f"{type(error).__name__}: {words}".splitlines()[0][:200]
        reason = f"failed: {item.record_id}: {first}; expected an image, please report it"
    return Fault(record_id=item.record_id, reasons=(reason,), patient=item.patient)


def _prepared(item: Item, preparation: Preparation) -> Ready | Fault:
    spec, source = preparation.spec, item.source
    if isinstance(source, RemoteFilm):
        source = source.fetch(item.record_id)
    if isinstance(source, Radiograph):
        radiograph = source
        check_pixels(radiograph.pixels, item.record_id)
    else:
        radiograph = read(source, origin=item.record_id, frame=item.frame)
    warnings = radiograph.warnings
    lungs = None
    if preparation.is_gated:
        from covidcxr.imaging.gate.gate import admit

        radiograph, result = admit(radiograph, turn=preparation.is_turned)
        if result.verdict == "refuse":
            said = tuple(str(reason) for reason in result.reasons)
            return Fault(record_id=item.record_id, reasons=said, status="refuse", patient=item.patient)
        warnings, lungs = result.remarks, result.lungs
    if preparation.has_lungs and lungs is None and min(radiograph.pixels.shape) >= MIN_SIDE:
        lungs = segment_lungs(radiograph)
    squeezed = squeeze(part_of(radiograph.pixels, spec.region, lungs), spec.size, spec.crop)
    image = np.ascontiguousarray(finish(squeezed, spec)[:1])
    mask = _seen_lungs(lungs, spec) if preparation.has_lungs and lungs is not None and lungs.found else None
    return Ready(record_id=item.record_id, image=image, lungs=mask, warnings=warnings, patient=item.patient)


def _seen_lungs(lungs: LungFields, spec: PreprocessSpec) -> NDArray[np.bool_]:
    """Return the lungs (S, S) in the network's input."""
    both = lungs.both.astype(np.float32)
    seen: NDArray[np.bool_] = squeeze(part_of(both, spec.region, lungs), spec.size, spec.crop) >= 0.5
    return seen


def prepare_all(
    items: Iterable[Item], preparation: Preparation, *, workers: int | None, lookahead: int
) -> Iterator[Ready | Fault]:
    """Yield the outcome of every item, in their order, decoding up to ``lookahead`` of them ahead.

    Args:
        items: Taken only as far ahead as needed.
        preparation: What is done to each.
        workers: 0 decodes in threads of this process: raster decoders release the interpreter's lock, most of DICOM
            do not. A number starts that many processes, which also survive a decoder that crashes. None takes
            threads, and processes for DICOM images once there are more than a few.
        lookahead: How many items may be in work or waiting; memory is bounded by it.

    Raises:
        CovidCxrError: As `prepare`.
    """
    source = iter(items)
    pending: deque[tuple[Item, Future[Ready | Fault]]] = deque()
    decoders = _Decoders(workers)
    try:
        while True:
            while len(pending) < max(lookahead, 1) and (item := next(source, None)) is not None:
                pending.append((item, decoders.submit(item, preparation)))
            if not pending:
                return
            try:
                outcome = pending[0][1].result()
            except BrokenExecutor:
                decoders.drop_processes()
                yield from _one_by_one([item for item, _ in pending], preparation)
                pending.clear()
                continue
            except CovidCxrError:
                raise
            except Exception:  # such as an open file, which cannot travel to another process
                outcome = prepare(pending[0][0], preparation)
            pending.popleft()
            yield outcome
    finally:
        decoders.close()


class _Decoders:
    """The threads and processes that prepare items, each kind started when it is first needed."""

    def __init__(self, workers: int | None) -> None:
        self._workers = workers
        self._num_dicom = 0
        self._threads: Executor | None = None
        self._processes: Executor | None = None

    def submit(self, item: Item, preparation: Preparation) -> Future[Ready | Fault]:
        """Submit one item; processes that broke in the meantime are told by the future, like any other break."""
        try:
            return self._executor(item).submit(prepare, item, preparation)
        except BrokenExecutor as error:
            broken: Future[Ready | Fault] = Future()
            broken.set_exception(error)
            return broken

    def drop_processes(self) -> None:
        """Give up processes that broke; the next item starts new ones."""
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)
            self._processes = None

    def close(self) -> None:
        """End them all."""
        for executor in (self._threads, self._processes):
            if executor is not None:
                executor.shutdown(wait=True, cancel_futures=True)

    def _executor(self, item: Item) -> Executor:
        if self._workers == 0 or (self._workers is None and not self._needs_process(item.source)):
            self._threads = self._threads or ThreadPoolExecutor(
                min(4, num_processors()), thread_name_prefix="covidcxr-decode"
            )
            return self._threads
        self._processes = self._processes or _processes(self._workers or num_processors())
        return self._processes

    def _needs_process(self, source: Source) -> bool:
        is_dicom = _is_dicom(source)
        self._num_dicom += is_dicom
        return is_dicom and self._num_dicom > _FEW


def _is_dicom(source: Source) -> bool:
    if isinstance(source, str | Path):
        try:
            path = Path(source)
            if not path.is_file():
                return False
            with path.open("rb") as stream:
                return sniff(stream.read(HEAD_BYTES)) is FileFormat.DICOM
        except (OSError, ValueError):
            return False
    if isinstance(source, bytes | bytearray):
        return sniff(bytes(source[:HEAD_BYTES])) is FileFormat.DICOM
    return isinstance(source, RemoteFilm)


def _one_by_one(items: Iterable[Item], preparation: Preparation) -> Iterator[Ready | Fault]:
    """Prepare each item in a process of its own lot, after one of them brought a decoder down."""
    pool = _processes(1)
    try:
        for item in items:
            try:
                yield pool.submit(prepare, item, preparation).result()
            except BrokenExecutor:
                pool.shutdown(wait=False)
                pool = _processes(1)
                words = f"{item.record_id}: the decoder crashed on it; get it again, or save it anew"
                yield Fault(record_id=item.record_id, reasons=(f"crashed: {words}",), patient=item.patient)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processes(number: int) -> Executor:
    # forkserver: a fork of a process that runs torch's threads can hang, and a spawn imports everything anew.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return ProcessPoolExecutor(number, mp_context=multiprocessing.get_context(method), initializer=_start_worker)


def _start_worker() -> None:
    import cv2

    exit_with_parent()
    cv2.setNumThreads(1)
