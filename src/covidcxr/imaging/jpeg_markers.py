"""The frame header of a JPEG stream (ITU-T T.81, T.87), found without decoding anything."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Frame headers of ITU-T T.81 table B.1 (without DHT, JPG and DAC) and SOF55 of T.87.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


@dataclass(frozen=True, kw_only=True, slots=True)
class JpegFrame:
    """What a frame header says: its marker, and the size of the image."""

    marker: int
    bits: int
    rows: int
    columns: int
    components: int


def jpeg_frame(data: bytes) -> JpegFrame | None:
    """Return the first frame header of a stream; None if there is none before its first scan."""
    if data[:2] != b"\xff\xd8":
        return None
    position = 2
    while position + 10 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte, T.81 B.1.1.2
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _FRAME_MARKERS:
            bits, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            return JpegFrame(marker=marker, bits=bits, rows=rows, columns=columns, components=components)
        if length < 2 or marker in (0xDA, 0xD9):
            return None
        position += 2 + length
    return None
