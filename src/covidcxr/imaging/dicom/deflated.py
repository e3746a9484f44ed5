"""Deflated DICOM data sets (PS3.5 A.5), within bounds that pydicom itself does not know."""

from __future__ import annotations

import zlib

from covidcxr.core.errors import ImageReadError, ImageTooLargeError

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_MAX_INFLATED_BYTES = 1 << 28
_META_SEARCH_BYTES = 4096


def is_deflated(head: bytes) -> bool:
    """Tell if a file that begins with ``head`` (some kilobytes of it) holds a deflated data set."""
    head = head[:_META_SEARCH_BYTES]
    return _DEFLATED in head and head[128:132] == b"DICM" and head[132:136] == b"\x02\0\0\0"


def inflate(data: bytes, origin: str) -> bytes:
    """Return ``data`` with a deflated data set inflated, within bounds (pydicom itself knows none).

    Raises:
        ImageReadError: ``truncated``, if it ends early.
        ImageTooLargeError: If it holds more than 256 MiB.
    """
    if not is_deflated(data):
        return data
    end_of_meta = 144 + int.from_bytes(data[140:144], "little")  # (0002,0000) FileMetaInformationGroupLength
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    body = inflater.decompress(data[end_of_meta:], _MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise ImageTooLargeError(f"{origin}: its deflated data set holds more than 256 MiB; expected one radiograph")
    if not inflater.eof:
        raise ImageReadError(f"{origin}: its deflated data set ends early; get it again", reason="truncated")
    plain = b"1.2.840.10008.1.2.1".ljust(len(_DEFLATED), b"\0")  # same length, so that no other length changes
    return data[:end_of_meta].replace(_DEFLATED, plain) + body
