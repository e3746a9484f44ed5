"""Elements of unknown representation and undefined length in big-endian data sets.

Their content is Implicit VR Little Endian whatever surrounds it (PS3.5 6.2.2, CP-246), which pydicom looks for in the
order of the data set. With their lengths written in, it need not look.
"""

from __future__ import annotations

import struct
from io import BytesIO

from pydicom.filereader import read_sequence

_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
_META_SEARCH_BYTES = 4096
_UNDEFINED = b"UN\0\0\xff\xff\xff\xff"
_PIXEL_DATA = b"\x7f\xe0\x00\x10O"
_MOST = 64


def define_lengths(data: bytes) -> bytes:
    """Return ``data`` with the lengths of such elements written in; anything else comes back unchanged."""
    if _BIG_ENDIAN + b"\0" not in data[:_META_SEARCH_BYTES]:
        return data
    end = data.find(_PIXEL_DATA)
    header = bytearray(data[: end if end >= 0 else len(data)])
    place = 0
    for _ in range(_MOST):
        place = header.find(_UNDEFINED, place)
        if place < 0:
            break
        start = place + len(_UNDEFINED)
        stream = BytesIO(bytes(header))
        stream.seek(start)
        try:
            read_sequence(stream, True, True, 0xFFFFFFFF, ["iso8859"])
        except Exception:  # not such an element after all; what is wrong with it, reading the data set will tell
            place = start
            continue
        length = stream.tell() - start
        header[start - 4 : start] = struct.pack(">I", length)
        place = start + length
    return bytes(header) + data[len(header) :]
