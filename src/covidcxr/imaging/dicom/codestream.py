"""Does a compressed frame hold what the DICOM header around it says? Asked before any decoder sees it.

A JPEG or JPEG 2000 stream states its own size. A decoder believes the stream, so a small header around a huge stream
would be a memory bomb, and a mismatch is damage anyway. Only the first markers are read here; nothing is decoded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.jpeg_markers import jpeg_frame

_J2K_START = b"\xff\x4f\xff\x51"  # SOC and SIZ, ITU-T T.800 A.4.1 and A.5.1
_HTJ2K = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
_END = b"\xff\xd9"  # EOI of T.81 and T.87, EOC of T.800


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSize:
    """What a codestream says of itself; ``is_signed`` is None where streams of its kind do not tell."""

    rows: int
    columns: int
    components: int
    bits: int
    is_signed: bool | None = None


def check_stream(
    frame: bytes, transfer_syntax: UID, *, rows: int, columns: int, samples: int, bits_allocated: int, origin: str
) -> StreamSize | None:
    """Compare one frame with the header around it, and return what it says of itself; None of other encodings (RLE).

    Raises:
        ImageReadError: ``truncated`` if the stream has no end, ``undecodable`` if it is none or does not fit.
    """
    if transfer_syntax in JPEG2000TransferSyntaxes or transfer_syntax in _HTJ2K:
        size = _jpeg2000_size(frame)
    elif transfer_syntax in JPEGTransferSyntaxes or transfer_syntax in JPEGLSTransferSyntaxes:
        size = _jpeg_size(frame)
    else:
        return None
    if size is None:
        raise ImageReadError(
            f"{origin}: its pixel data is no {transfer_syntax.name} stream; get it again", reason="undecodable"
        )
    if (size.rows, size.columns, size.components) != (rows, columns, samples) or size.bits > bits_allocated:
        raise ImageReadError(
            f"{origin}: its header says {columns} x {rows} x {samples} in {bits_allocated} bits, the compressed stream "
            f"inside {size.columns} x {size.rows} x {size.components} in {size.bits}; get it again",
            reason="undecodable",
        )
    if not frame.rstrip(b"\0").endswith(_END) and _END not in frame[-64:]:
        raise ImageReadError(f"{origin}: its compressed pixel data ends early; get it again", reason="truncated")
    return size


def _jpeg_size(stream: bytes) -> StreamSize | None:
    frame = jpeg_frame(stream)
    if frame is None:
        return None
    return StreamSize(rows=frame.rows, columns=frame.columns, components=frame.components, bits=frame.bits)


def _jpeg2000_size(frame: bytes) -> StreamSize | None:
    start = frame.find(_J2K_START, 0, 1024)  # some writers keep the JP2 boxes, which PS3.5 A.4.4 forbids
    if start < 0 or start + 4 + 39 > len(frame):
        return None
    _, _, width, height, left, top, _, _, _, _, components, depth = struct.unpack_from(">HH8IHB", frame, start + 4)
    return StreamSize(
        rows=height - top,
        columns=width - left,
        components=components,
        bits=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
    )
