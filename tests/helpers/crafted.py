"""Files made byte by byte: one sound file of every kind that the reader knows, and parts of unsound ones."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

import numpy as np
from PIL import Image
from pydicom.uid import UID

import films

FILM = films.film(64, 56)
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def raster(mode: str, file_format: str, **options: object) -> bytes:
    """Return the image as PIL writes it in a mode and format."""
    stream = io.BytesIO()
    Image.fromarray(FILM).convert(mode).save(stream, file_format, **options)
    return stream.getvalue()


def nifti(shape: tuple[int, ...], data: bytes, *, code: int = 2, offset: float = 352.0) -> bytes:
    """Return a NIfTI-1 file of the given dimensions, data type code and pixel bytes."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<2h", header, 70, code, 8)
    struct.pack_into("<8f", header, 76, 1.0, *[1.0] * 7)
    struct.pack_into("<3f", header, 108, offset, 0.0, 0.0)
    header[344:348] = b"n+1\0"
    return bytes(header) + data


def png_of(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """Return a PNG that states a size, holds ``rows``, filtered and unpacked, and a text of 16 MiB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 24), 9))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + text
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def bmp_of(width: int, height: int) -> bytes:
    """Return a BMP that states a size and has no pixels."""
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def noise(seed: int) -> bytes:
    """Return 900 random bytes."""
    return np.random.default_rng(seed).integers(0, 256, 900, dtype=np.uint8).tobytes()


def meta(syntax: bytes) -> bytes:
    """Return preamble and file meta information that state a transfer syntax."""
    syntax += b"\0" * (len(syntax) % 2)
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    return bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(element)) + element


def pixel_item(body: bytes) -> bytes:
    """Return an item of encapsulated pixel data."""
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(body)) + body


def with_items(items: bytes, syntax: UID) -> bytes:
    """Return a DICOM file whose encapsulated pixel data are ``items``, whatever they are."""
    whole = films.jpeg_dicom(FILM)
    start = 144 + int.from_bytes(whole[140:144], "little")  # where the data set begins
    at = whole.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    return meta(str(syntax).encode()) + whole[start:at] + items


def with_frame(frame: bytes, syntax: UID) -> bytes:
    """Return a DICOM file with one encapsulated frame, whatever it is."""
    return with_items(pixel_item(b"") + pixel_item(frame + b"\0" * (len(frame) % 2)) + SEQUENCE_END, syntax)


def whole_files() -> dict[str, bytes]:
    """Return one sound file of every kind that the reader knows."""
    stored, deep = FILM.astype(np.int64), films.scaled(FILM, 12)
    made = {
        "png": raster("L", "PNG"),
        "png-palette": raster("P", "PNG"),
        "png-rgba": raster("RGBA", "PNG"),
        "png-16": films.encode(films.scaled(FILM, 16).astype(np.uint16), "PNG"),
        "jpeg": raster("L", "JPEG"),
        "jpeg-colour": raster("RGB", "JPEG"),
        "jpeg-progressive": raster("L", "JPEG", progressive=True),
        "tiff": raster("L", "TIFF"),
        "tiff-lzw": raster("L", "TIFF", compression="tiff_lzw"),
        "tiff-deflate": raster("RGB", "TIFF", compression="tiff_adobe_deflate"),
        "tiff-16": films.encode(films.scaled(FILM, 16).astype(np.uint16), "TIFF"),
        "bmp": raster("L", "BMP"),
        "gif": raster("P", "GIF"),
        "webp": raster("RGB", "WebP"),
        "nifti": nifti(FILM.shape[::-1], FILM.tobytes()),
        "nifti-gz": gzip.compress(nifti(FILM.shape[::-1], FILM.tobytes()), mtime=0),
        "dicom-jpeg": films.jpeg_dicom(FILM),
        "dicom-rgb": films.dicom(np.repeat(stored[..., np.newaxis], 3, axis=2), photometric="RGB"),
    }
    return made | {f"dicom-{name}": films.dicom(deep, bits=12, syntax=uid) for name, uid in films.SYNTAXES.items()}
