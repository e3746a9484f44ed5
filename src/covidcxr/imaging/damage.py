"""Damage and rare kinds of raster files that Pillow does not tell of: found before, or beside, its decoding."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.jpeg_markers import jpeg_frame
from covidcxr.imaging.strict_jpeg import decode_strictly

_PLAIN_JPEG = (0xC0, 0xC1, 0xC2)
_JPEG_KINDS = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless", 0xC9: "arithmetic"}
_JPEG_KINDS |= {0xCA: "arithmetic progressive", 0xF7: "JPEG-LS"}
_TIFF_COMPRESSION, _TIFF_DEFLATE = 259, (8, 32946)
_TIFF_JPEG, _TIFF_JPEG_TABLES = 7, 347  # Adobe Photoshop TIFF Technical Note 2
_TIFF_PARTS = ((273, 279), (324, 325))  # offsets and byte counts, of strips and of tiles
_CHUNK = 1 << 20


def refuse_rare_jpeg(data: bytes, origin: str) -> None:
    """Refuse the kinds of JPEG (ITU-T T.81 table B.1) that Pillow calls damaged: lossless, arithmetic, of 12 bits.

    Raises:
        ImageReadError: ``no-decoder``.
    """
    frame = jpeg_frame(data)
    if frame is not None and (frame.marker not in _PLAIN_JPEG or frame.bits != 8):
        kind = _JPEG_KINDS.get(frame.marker, f"of kind SOF{frame.marker - 0xC0}")
        raise ImageReadError(
            f"{origin}: no decoder for a JPEG, {kind}, of {frame.bits} bits; save it as PNG", reason="no-decoder"
        )


def refuse_damaged_png(data: bytes, origin: str) -> None:
    """Refuse a PNG of which a critical chunk does not have its checksum (PNG 5.3): Pillow does not look at pixels'.

    Raises:
        ImageReadError: ``undecodable``.
    """
    place = 8
    while place + 12 <= len(data):
        kind, end = data[place + 4 : place + 8], place + 8 + int.from_bytes(data[place : place + 4], "big")
        is_checked = kind[:1].isupper() and end + 4 <= len(data)  # the others hold nothing that is shown
        if is_checked and zlib.crc32(memoryview(data)[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            name = kind.decode("ascii", errors="replace")
            raise ImageReadError(
                f"{origin}: a damaged PNG (chunk {name} has another checksum); get it again", reason="undecodable"
            )
        place = end + 4


def refuse_damaged_tiff(data: bytes, tags: Mapping[int, Any], most_bytes: int, origin: str) -> None:
    """Refuse a TIFF of which a strip or tile is damaged in a way that Pillow does not tell of.

    Deflated ones must have their checksum, before which libtiff stops reading; JPEG ones must pass libjpeg.

    Args:
        data: The whole file.
        tags: Of its first image.
        most_bytes: Beyond which nothing is inflated.
        origin: What messages call the file.

    Raises:
        ImageReadError: ``undecodable``.
    """
    compression = tags.get(_TIFF_COMPRESSION)
    if compression == _TIFF_JPEG:
        _refuse_damaged_jpegs(data, tags, origin)
    if compression not in _TIFF_DEFLATE:
        return
    for offsets, counts in _TIFF_PARTS:
        for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
            inflater, rest = zlib.decompressobj(), data[offset : offset + count]
            try:
                while rest and most_bytes > 0:
                    most_bytes -= len(inflater.decompress(rest, _CHUNK))
                    rest = inflater.unconsumed_tail
            except zlib.error as error:
                raise ImageReadError(
                    f"{origin}: a damaged TIFF ({error}); get it again", reason="undecodable"
                ) from error


def _refuse_damaged_jpegs(data: bytes, tags: Mapping[int, Any], origin: str) -> None:
    """Decode each JPEG of a TIFF, with the tables that they share, in libjpeg's strict mode."""
    tables = bytes(tags.get(_TIFF_JPEG_TABLES) or b"")
    for offsets, counts in _TIFF_PARTS:
        for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
            stream = data[offset : offset + count]
            if tables.startswith(b"\xff\xd8") and stream.startswith(b"\xff\xd8"):
                stream = tables.removesuffix(b"\xff\xd9") + stream[2:]
            decode_strictly(stream, origin=origin)


def length_notes(data: bytes, *, is_webp: bool) -> tuple[str, ...]:
    """Return a warning of a WebP or AVIF whose parts do not add up to its length; their pixels have no checksum."""
    if is_webp:
        length = int.from_bytes(data[4:8], "little")
        ends = 8 + length + length % 2  # RIFF pads to an even number
    else:
        ends = 0
        while ends + 8 <= len(data):  # boxes of ISO/IEC 14496-12
            size = int.from_bytes(data[ends : ends + 4], "big")
            if size == 0:  # to the end of the file
                ends = len(data)
            elif size == 1:
                size = int.from_bytes(data[ends + 8 : ends + 16], "big")
            ends += max(size, 8) if ends < len(data) else 0
    if abs(ends - len(data)) <= 1:
        return ()
    return (f"damaged: its parts are {ends} bytes long, the file {len(data)}",)
