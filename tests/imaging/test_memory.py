from __future__ import annotations

import gzip
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless

import films
from covidcxr.core.errors import ImageTooLargeError
from covidcxr.imaging import memory
from covidcxr.imaging.memory import MOST_BYTES, check_cost, one_image
from covidcxr.imaging.reading import read
from crafted import nifti


def taller(data: bytes, side: int) -> bytes:
    """Return a DICOM file whose header announces side x side pixels."""
    for element, value in ((b"\x28\x00\x10\x00", 16), (b"\x28\x00\x11\x00", 16)):
        data = data.replace(
            element + b"US\x02\x00" + struct.pack("<H", value), element + b"US\x02\x00" + struct.pack("<H", side)
        )
    return data


def png(side: int, depth: int, colour: int) -> bytes:
    """Return a PNG that announces side x side pixels and holds few."""
    chunks = {b"IHDR": struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0), b"IDAT": zlib.compress(bytes(99))}
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SMALL = np.zeros((16, 16), np.int64)
HUNGRY = {
    "16-bit RGBA": png(9_900, 16, 6),
    "RGBA": png(9_900, 8, 6),
    "32-bit NIfTI": gzip.compress(nifti((9_900, 9_900), bytes(100), code=768)),
    "RLE": taller(films.dicom(SMALL, bits=16, syntax=RLELossless), 9_900),
    "RLE in 8 bits": taller(films.dicom(SMALL, syntax=RLELossless), 9_900),
}


@pytest.mark.parametrize("kind", HUNGRY)
def test_what_would_take_too_much_memory_is_refused_for_that_before_it_is_decoded(kind: str) -> None:
    started = time.process_time()
    with pytest.raises(ImageTooLargeError, match="MB of memory to decode, more than the 640 MB") as caught:
        read(HUNGRY[kind])
    assert caught.value.reason == "too-large"
    assert time.process_time() - started < 2.0


def test_no_memory_left_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("covidcxr.imaging.raster._to_gray", fail)
    monkeypatch.setattr("covidcxr.imaging.dicom.image._decode", fail)
    for data in (films.encode(films.film(), "PNG"), films.dicom(SMALL)):
        with pytest.raises(ImageTooLargeError, match="not enough memory"):
            read(data)


def test_large_images_take_turns_and_small_ones_do_not_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory.tempfile, "gettempdir", lambda: str(tmp_path))
    entered, leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with one_image():
            check_cost(MOST_BYTES, "first")
            check_cost(MOST_BYTES, "first again")  # its own turn does not stop it
            entered.set()
            leave.wait(20)
            order.append("first")

    def second() -> None:
        with one_image():
            check_cost(MOST_BYTES, "second")
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    with one_image():
        check_cost(1_000_000, "small")
        order.append("small")
    leave.set()
    for thread in threads:
        thread.join(20)
    assert order == ["small", "first", "second"]


def test_a_lock_that_cannot_be_made_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory.tempfile, "gettempdir", lambda: str(tmp_path / "gone"))
    with one_image():
        check_cost(MOST_BYTES, "image")


def test_a_large_archive_is_named_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "films.zip"
    with path.open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.truncate(3 << 30)
    with pytest.raises(Exception, match="zip archive"):
        read(path)
