"""The work done once on every image file: digest, decode, measure, hash, convert.

It runs in worker processes and knows nothing of recipes, labels or splits, so its result can be kept and used again
for any of them. What the measurements mean is known to `covidcxr.curation.rules` and `covidcxr.curation.leaks`.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.encoding import encode_jpeg, shrink
from covidcxr.imaging.memory import MOST_FILE_BYTES
from covidcxr.imaging.phash import halved, perceptual_hash
from covidcxr.imaging.plain_jpeg import read_plain_first

_SMALL = 64  # side of the copy that the nuisance numbers are taken from
_THUMBNAIL_QUALITY = 60
_BLACK = 12  # levels up to this one count as black
_STRIP = 4  # width of a border strip on that copy


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageJob:
    """One file to work on.

    Attributes:
        record_id: Whose image it is.
        path: Where the file is.
        origin: What messages call it: its path relative to the sources' root.
        longest_side, jpeg_quality: Of the converted image.
        look: Which scores of the picture to measure as well, see `SCORES`.
        store: Folder that takes the converted image, see `stored_path`.
    """

    record_id: str
    path: Path
    origin: str
    longest_side: int
    jpeg_quality: int
    look: tuple[str, ...]
    store: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What the work found out about one file.

    Attributes:
        record_id: Whose image it is.
        size_bytes, mtime_ns: Of the source file; together with its path they tell whether it changed.
        sha256: Of the source file's bytes; empty if it could not be opened.
        error, reason: Why it is no readable image; both empty if it is one.
        rows, columns, bits_stored: Of the source image.
        phash: Perceptual hash of the converted image.
        image_sha256: Of the converted JPEG's bytes; equal pixels give equal bytes.
        numbers: Name to measured number: nuisance for the leak report.
        scores: Name to score of the picture, as far as they were asked for; see `SCORES`.
        thumbnail: A gray JPEG of 64 x 64 pixels, squeezed, in base64; empty if the file is no readable image.
        warnings: What the reader noticed.
    """

    record_id: str
    size_bytes: int
    mtime_ns: int
    sha256: str = ""
    error: str = ""
    reason: str = ""
    rows: int = 0
    columns: int = 0
    bits_stored: int = 0
    phash: str = ""
    image_sha256: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    thumbnail: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the facts as one line of JSON."""
        values = {name: getattr(self, name) for name in _FIELDS}  # asdict would copy everything, at ten times the cost
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> ImageFacts:
        """Return the facts of one line of JSON.

        Raises:
            ValueError, TypeError: If the line is damaged or of another release.
        """
        values: dict[str, Any] = json.loads(line)
        return cls(**{**values, "warnings": tuple(values["warnings"])})


_FIELDS = tuple(item.name for item in fields(ImageFacts))


def prepare_worker() -> None:
    """Make a worker process single-threaded; the pool is what works in parallel."""
    cv2.setNumThreads(1)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Have OpenCV work in the calling threads alone, and end its own: a process forked beside those would hang."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def do_image_work(job: ImageJob) -> ImageFacts:
    """Read, measure, convert and store one image; a file that is no image gives facts with an ``error``.

    Raises:
        OSError: If the converted image cannot be written.
    """
    facts, encoded = compute_image(job)
    if encoded:
        store_image(job.store, facts.sha256, encoded)
    return facts


def compute_image(job: ImageJob) -> tuple[ImageFacts, bytes]:
    """Return the facts of one image and its converted JPEG, empty where the file is no image; write nothing."""
    try:
        with job.path.open("rb", buffering=0) as stream:
            status = os.fstat(stream.fileno())
            data = b"" if status.st_size > MOST_FILE_BYTES else stream.readall()
    except OSError as error:
        message = f"{job.origin}: cannot be opened: {error.strerror}"
        return ImageFacts(record_id=job.record_id, size_bytes=0, mtime_ns=0, error=message, reason="unreadable"), b""
    known = ImageFacts(record_id=job.record_id, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    if status.st_size > MOST_FILE_BYTES:
        return replace(known, error=f"{job.origin}: a file of more than 512 MiB", reason="too-large"), b""
    sha256 = bytes_sha256(data)
    try:
        decoded = read_plain_first(data, origin=job.origin)
    except ImageReadError as error:
        return replace(known, sha256=sha256, error=str(error), reason=error.reason), b""
    rows, columns = decoded.pixels.shape
    converted = np.ascontiguousarray(shrink(decoded.as_uint8(), job.longest_side))
    encoded = encode_jpeg(converted, job.jpeg_quality)
    half = halved(converted, 2 * _SMALL)  # what both the hash and the nuisance numbers begin with
    small = cv2.resize(half, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    facts = replace(
        known,
        sha256=sha256,
        rows=rows,
        columns=columns,
        bits_stored=decoded.bits_stored,
        phash=perceptual_hash(half),
        image_sha256=bytes_sha256(encoded),
        numbers=nuisance_numbers(small, data, rows=rows, columns=columns),
        scores=picture_scores(converted, data, job.look),
        thumbnail=base64.b64encode(encode_jpeg(small, _THUMBNAIL_QUALITY)).decode(),
        warnings=decoded.warnings,
    )
    return facts, encoded


def stored_path(store: Path, sha256: str) -> Path:
    """Return where the converted image of the source file with this digest is kept."""
    return store / sha256[:2] / f"{sha256}.jpg"


def picture_scores(pixels: NDArray[np.uint8], data: bytes, look: tuple[str, ...]) -> dict[str, float]:
    """Return the scores that ``look`` asks for of gray (H, W) ``pixels``, read from the file ``data``.

    ``view`` gives one a kind of picture, ``marks`` two, the others one each.
    """
    scores: dict[str, float] = {}
    for name in look:
        scores |= SCORES[name](pixels, data)
    return {name: round(value, 4) for name, value in scores.items()}


def _view_scores(pixels: NDArray[np.uint8], _data: bytes) -> dict[str, float]:
    from covidcxr.imaging.screening.view import picture_view

    return {f"view/{kind}": value for kind, value in asdict(picture_view(pixels)).items()}


def _range_score(pixels: NDArray[np.uint8], _data: bytes) -> dict[str, float]:
    from covidcxr.imaging.screening.picture_checks import gray_range

    return {"gray_range": gray_range(pixels)}


def _marks_scores(pixels: NDArray[np.uint8], _data: bytes) -> dict[str, float]:
    from covidcxr.imaging.screening.drawn_marks import mark_scores

    return asdict(mark_scores(pixels))


def _colour_score(_pixels: NDArray[np.uint8], data: bytes) -> dict[str, float]:
    from covidcxr.imaging.screening.colour import colour_score

    return {"colour": colour_score(data)}


SCORES: Mapping[str, Callable[[NDArray[np.uint8], bytes], dict[str, float]]] = {
    "view": _view_scores,
    "gray_range": _range_score,
    "marks": _marks_scores,
    "colour": _colour_score,
}


def nuisance_numbers(small: NDArray[np.uint8], data: bytes, *, rows: int, columns: int) -> dict[str, float]:
    """Return numbers that say nothing about the lungs, by name; intensities are in [0, 1].

    Six intensity numbers and the means of four border strips are taken from ``small``, the image averaged to
    64 x 64; the others from the source file: ``aspect_ratio`` (width / height), ``file_bytes`` and
    ``jpeg_quantisation``, the sum of the first quantisation table (ITU-T T.81, B.2.4.1), 0 for a file without one.
    """
    counts = np.bincount(small.ravel(), minlength=256)
    shares = np.cumsum(counts) / small.size
    mean, deviation = cv2.meanStdDev(small)
    values = {
        "intensity_mean": mean[0, 0] / 255,
        "intensity_deviation": deviation[0, 0] / 255,
        "intensity_p05": np.searchsorted(shares, 0.05) / 255,
        "intensity_p50": np.searchsorted(shares, 0.50) / 255,
        "intensity_p95": np.searchsorted(shares, 0.95) / 255,
        "intensity_black_share": shares[_BLACK],
        "border_top": cv2.mean(small[:_STRIP])[0] / 255,
        "border_bottom": cv2.mean(small[-_STRIP:])[0] / 255,
        "border_left": cv2.mean(small[:, :_STRIP])[0] / 255,
        "border_right": cv2.mean(small[:, -_STRIP:])[0] / 255,
        "aspect_ratio": columns / rows,
        "file_bytes": len(data),
        "jpeg_quantisation": _quantisation_sum(data),
    }
    return {name: round(float(value), 6) for name, value in values.items()}


def _quantisation_sum(data: bytes) -> int:
    if not data.startswith(b"\xff\xd8"):
        return 0
    marker = data.find(b"\xff\xdb")
    if marker < 0 or marker + 5 + 64 > len(data):
        return 0
    return sum(data[marker + 5 : marker + 5 + 64])


def store_image(store: Path, sha256: str, data: bytes) -> None:
    """Keep the converted image of the source file with this digest, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    path = stored_path(store, sha256)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
    except FileNotFoundError:  # the first of its folder
        path.parent.mkdir(exist_ok=True)
        partial.write_bytes(data)
    partial.replace(path)
