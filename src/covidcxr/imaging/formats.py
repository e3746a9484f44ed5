"""What kind of file a run of bytes is, told from its first bytes and never from its name.

Knows signatures only; whether the rest of the file holds together is for the readers to find out.
"""

from __future__ import annotations

import struct
import zlib
from enum import StrEnum

HEAD_BYTES = 1024
_NIFTI_HEADER_BYTES = 348  # nifti1.h, sizeof_hdr
_NIFTI_MAGIC = (b"n+1\0", b"ni1\0")


class FileFormat(StrEnum):
    """The formats that `covidcxr.imaging.reading.read` understands."""

    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    BMP = "BMP"
    WEBP = "WebP"
    GIF = "GIF"
    AVIF = "AVIF"
    JPEG2000 = "JPEG 2000"
    DICOM = "DICOM"
    NIFTI = "NIfTI"


_SIGNATURES: tuple[tuple[bytes, FileFormat], ...] = (
    (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
    (b"\xff\xd8\xff", FileFormat.JPEG),
    (b"II*\0", FileFormat.TIFF),
    (b"MM\0*", FileFormat.TIFF),
    (b"II+\0", FileFormat.TIFF),
    (b"MM\0+", FileFormat.TIFF),
    (b"GIF87a", FileFormat.GIF),
    (b"GIF89a", FileFormat.GIF),
    (b"BM", FileFormat.BMP),
    (b"\0\0\0\x0cjP  \r\n\x87\n", FileFormat.JPEG2000),
    (b"\xff\x4f\xff\x51", FileFormat.JPEG2000),
)
# Where the container's name stands, the name, and at byte 8 what it may hold.
_CONTAINERS = (
    (0, b"RIFF", (b"WEBP",), FileFormat.WEBP),
    (4, b"ftyp", (b"avif", b"avis"), FileFormat.AVIF),
)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")  # ISO/IEC 23008-12


# Files that are often met in an archive and are no image, by their first bytes: (signature, reason, what it is).
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "archive", "a zip archive"),
    (b"PK\x05\x06", "archive", "an empty zip archive"),
    (b"\x1f\x8b", "archive", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "a 7-Zip archive"),
    (b"Rar!", "archive", "a RAR archive"),
    (b"%PDF", "document", "a PDF document"),
    (b"\xff\x0a", "no-decoder", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "no-decoder", "a JPEG XL image"),
    (b"II\xbc\x01", "no-decoder", "a JPEG XR image"),
    (b"8BPS", "no-decoder", "a Photoshop file"),
    (b"NRRD", "no-decoder", "an NRRD image"),
    (b"ObjectType = Image", "no-decoder", "a MetaImage"),
    (b"SIMPLE  =", "no-decoder", "a FITS image"),
    (b"\x93NUMPY", "no-decoder", "a NumPy array"),
    (b"\x89HDF\r\n", "no-decoder", "an HDF5 file"),
    (b"\x76\x2f\x31\x01", "no-decoder", "an OpenEXR image"),
    *((b"P%d\n" % number, "no-decoder", "a Netpbm image") for number in range(1, 8)),
    *((b"P%d " % number, "no-decoder", "a Netpbm image") for number in range(1, 8)),
    (b"BZh", "archive", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "archive", "an xz archive"),
    (b"(\xb5/\xfd", "archive", "a Zstandard archive"),
)


def sniff(head: bytes) -> FileFormat | None:
    """Return the format of a file whose first `HEAD_BYTES` bytes are ``head``, or None if it is none of ours.

    A file with ``DICM`` at byte 128 is DICOM whatever its preamble says (PS3.10 Section 7.1 allows a TIFF header
    there); a DICOM data set without preamble is known by its first tag.
    """
    if head[128:132] == b"DICM":
        return FileFormat.DICOM
    for signature, file_format in _SIGNATURES:
        if head.startswith(signature):
            return file_format
    for start, container, brands, file_format in _CONTAINERS:
        if head[start : start + 4] == container and head[8:12] in brands:
            return file_format
    if _is_bare_dicom(head):
        return FileFormat.DICOM
    if _is_nifti(head):
        return FileFormat.NIFTI
    return None


def describe_unknown(head: bytes) -> tuple[str, str]:
    """Return (reason, words) for a file that `sniff` does not know: what it is, as far as its first bytes tell."""
    if not head:
        return "empty", "an empty file"
    for signature, reason, words in _OTHERS:
        if head.startswith(signature):
            return reason, words
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "no-decoder", "a HEIC image"
    if _is_text(head):
        return "text", "a text file"
    return "unknown-format", f"of no known format (first bytes {head[:8].hex(' ')})"


def _is_bare_dicom(head: bytes) -> bool:
    """Tell if a data set starts at byte 0: group 0002 or 0008, low element, in any of the three encodings."""
    if len(head) < 8 or not any(head[:8]):
        return False
    for layout in ("<HH", ">HH"):
        group, element = struct.unpack_from(layout, head)
        if group in (0x0002, 0x0008) and element <= 0x0100:
            explicit = head[4:6].isalpha() and head[4:6].isupper()
            implicit = int.from_bytes(head[4:8], "little") <= 0x0400
            return explicit or implicit
    return False


def _is_nifti(head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    size = (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    return _NIFTI_HEADER_BYTES in size and head[344:348] in _NIFTI_MAGIC


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return "\0" not in text and sum(character.isprintable() or character.isspace() for character in text) >= 0.95 * len(
        text
    )
