"""Inputs to preprocessed arrays, several at a time, in order, with bounded look-ahead.

A fault of one input is a value here (`Fault`), never an exception, so that one bad film cannot stop a run. What
becomes of the arrays is not known here.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.core.worker_processes import exit_with_parent
from covidcxr.imaging.preprocess import finish, part_of, squeeze
from covidcxr.imaging.reading import read
from covidcxr.inference.dicomweb import RemoteFilm

Source = Path | bytes | BinaryIO | Radiograph | RemoteFilm


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One input and what results call it."""

    record_id: str
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """A preprocessed input: float32 (1, S, S), and the reader's warnings."""

    record_id: str
    image: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An input without a probability, and why: each reason a stable name, a colon, and a sentence.

    ``status`` is ``error`` for what could not be read, ``refuse`` for what the gate will not have judged.
    """

    record_id: str
    reasons: tuple[str, ...]
    status: Literal["error", "refuse"] = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What is done to each input: ``spec`` of the network; the gate if ``is_gated``, turning films if ``is_turned``."""

    spec: PreprocessSpec
    is_gated: bool = False
    is_turned: bool = False


def prepare(item: Item, preparation: Preparation) -> Ready | Fault:
    """Read, gate and preprocess one input; every fault of its own becomes a `Fault`.

    The network's equal channels are made later, from the one that is returned.
    """
    spec = preparation.spec
    try:
        source = item.source
        if isinstance(source, RemoteFilm):
            source = source.fetch(item.record_id)
        radiograph = source if isinstance(source, Radiograph) else read(source, origin=item.record_id)
        said: tuple[str, ...] = ()
        if preparation.is_gated:
            from covidcxr.imaging.gate import admit

            radiograph, result = admit(radiograph, turn=preparation.is_turned)
            said = tuple(str(reason) for reason in result.reasons)
            if result.verdict == "refuse":
                return Fault(record_id=item.record_id, reasons=said, status="refuse")
        squeezed = squeeze(part_of(radiograph.pixels, spec.region), spec.size, spec.crop)
        image = np.ascontiguousarray(finish(squeezed, spec)[:1])
        return Ready(record_id=item.record_id, image=image, warnings=(*radiograph.warnings, *said))
    except ImageReadError as error:
        return Fault(record_id=item.record_id, reasons=(f"{error.reason}: {error}",))
    except MemoryError:
        words = f"too-large: {item.record_id}: not enough memory to decode it"
        return Fault(record_id=item.record_id, reasons=(words,))


def prepare_all(
    items: Iterable[Item], preparation: Preparation, *, workers: int, lookahead: int
) -> Iterator[Ready | Fault]:
    """Yield the outcome of every item, in their order, decoding up to ``lookahead`` of them ahead.

    Args:
        items: Taken only as far ahead as needed.
        preparation: What is done to each.
        workers: 0 decodes in threads of this process (raster decoders release the interpreter's lock); a number
            starts that many processes, which is faster for DICOM and survives a decoder that crashes.
        lookahead: How many items may be in work or waiting; memory is bounded by it.
    """
    source = iter(items)
    pending: deque[tuple[Item, Future[Ready | Fault]]] = deque()
    pool = _pool(workers)
    try:
        while True:
            while len(pending) < max(lookahead, 1) and (item := next(source, None)) is not None:
                pending.append((item, _submit(pool, item, preparation)))
            if not pending:
                return
            try:
                outcome = pending[0][1].result()
            except BrokenExecutor:
                pool.shutdown(wait=False, cancel_futures=True)
                yield from _one_by_one([item for item, _ in pending], preparation)
                pending.clear()
                pool = _pool(workers)
                continue
            pending.popleft()
            yield outcome
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: Executor, item: Item, preparation: Preparation) -> Future[Ready | Fault]:
    """Submit one item; a pool that broke in the meantime is told by the future, like any other break."""
    try:
        return pool.submit(prepare, item, preparation)
    except BrokenExecutor as error:
        broken: Future[Ready | Fault] = Future()
        broken.set_exception(error)
        return broken


def _one_by_one(items: Iterable[Item], preparation: Preparation) -> Iterator[Ready | Fault]:
    """Prepare each item in a process of its own lot, after one of them brought a decoder down."""
    pool = _pool(1)
    try:
        for item in items:
            try:
                yield pool.submit(prepare, item, preparation).result()
            except BrokenExecutor:
                pool.shutdown(wait=False)
                pool = _pool(1)
                words = f"{item.record_id}: the decoder crashed on it; get it again, or save it anew"
                yield Fault(record_id=item.record_id, reasons=(f"crashed: {words}",))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(workers: int) -> Executor:
    if workers > 0:
        # forkserver: a fork of a process that runs torch's threads can hang, and a spawn imports everything anew.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method), initializer=_start_worker)
    return ThreadPoolExecutor(min(4, num_processors()), thread_name_prefix="covidcxr-decode")


def _start_worker() -> None:
    import cv2

    exit_with_parent()
    cv2.setNumThreads(1)


def num_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
