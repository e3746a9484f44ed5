"""The one door for images: any file of a known format, told by its content, becomes a `Radiograph`.

Each family of formats has a module of its own (`raster`, `dicom`, `nifti`), imported when the first such file comes.
Nothing is repaired: what cannot be read whole is refused with an `ImageReadError` whose ``reason`` is one of `REASONS`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from covidcxr.core.errors import ImageReadError, ImageTooLargeError
from covidcxr.core.types import Radiograph
from covidcxr.imaging.decoded import MAX_PIXELS, Decoded
from covidcxr.imaging.formats import HEAD_BYTES, FileFormat, describe_unknown, sniff
from covidcxr.imaging.memory import MOST_FILE_BYTES, one_image

REASONS = (
    "missing",  # no such file
    "not-a-file",  # a folder, a pipe, a device
    "unreadable",  # the operating system refuses
    "empty",
    "text",
    "archive",
    "document",
    "unknown-format",
    "truncated",
    "undecodable",  # damaged
    "no-decoder",  # a known encoding that nothing installed can decode
    "contradiction",  # a header that says other than the pixels, which do not tell which is right
    "zero-size",
    "too-large",
    "multi-frame",
    "no-pixels",  # a DICOM object without an image
    "not-finite",  # values that are not finite, in the pixels or as a header scales them
    "unsupported",  # an image whose black and white are not stated
)

_EXPECTED = "expected PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, JPEG 2000, NIfTI or DICOM"


Readable = str | Path | bytes | bytearray | BinaryIO


def read(
    source: Readable, *, origin: str | None = None, max_pixels: int = MAX_PIXELS, frame: int | None = None
) -> Radiograph:
    """Read one image.

    Args:
        source: A file's path, its bytes, or a binary file object at its start.
        origin: What the result and messages call the image; the path, or ``<bytes>``, if None.
        max_pixels: A header that announces more is refused before anything is decoded.
        frame: Which frame of a DICOM image, from 0; None refuses images of several frames.

    Returns:
        Pixels float32 (H, W) in [0, 1], bone bright, upright.

    Raises:
        ImageReadError: If it cannot be read whole; ``reason`` is one of `REASONS`.
        ImageTooLargeError: If its header announces more than ``max_pixels``.
    """
    origin = origin if origin is not None else _name(source)
    with one_image():
        decoded = _decode(_load(source, origin), origin, max_pixels, probe_colour=True, frame=frame)
        return _radiograph(decoded, origin)


def read_frames(source: Readable, *, origin: str | None = None, max_pixels: int = MAX_PIXELS) -> Iterator[Radiograph]:
    """Yield each frame of an image by itself, for callers that chose to split what `read` refuses.

    Only DICOM images are split. Frames of a multi-frame image are called ``origin#1``, ``origin#2``, ...

    Raises:
        ImageReadError: As `read`.
    """
    origin = origin if origin is not None else _name(source)
    data = _load(source, origin)
    if sniff(data[:HEAD_BYTES]) is not FileFormat.DICOM:
        yield read(data, origin=origin, max_pixels=max_pixels)
        return
    from covidcxr.imaging.dicom.image import count_frames, decode_dicom

    num_frames = count_frames(data, origin=origin)
    for frame in range(num_frames):
        name = f"{origin}#{frame + 1}" if num_frames > 1 else origin
        yield _radiograph(decode_dicom(data, origin=name, max_pixels=max_pixels, frame=frame), name)


def read_gray8(source: Readable, *, origin: str | None = None, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Read one image as `read` does, without leaving eight bits where the source has no more.

    Returns:
        A `Decoded` whose ``pixels`` are uint8 (H, W), bone bright, upright; equal to `read`'s times 255, rounded.

    Raises:
        ImageReadError: As `read`.
    """
    origin = origin if origin is not None else _name(source)
    with one_image():
        decoded = _decode(_load(source, origin), origin, max_pixels, probe_colour=False)
        levels = decoded.as_uint8()
    return Decoded(
        pixels=levels,
        bits_stored=decoded.bits_stored,
        warnings=decoded.warnings,
        spacing_mm=decoded.spacing_mm,
        view=decoded.view,
        sop_instance_uid=decoded.sop_instance_uid,
    )


def _radiograph(decoded: Decoded, origin: str) -> Radiograph:
    return Radiograph(
        pixels=decoded.as_float(),
        origin=origin,
        spacing_mm=decoded.spacing_mm,
        view=decoded.view,
        modality=decoded.modality,
        body_part=decoded.body_part,
        sop_instance_uid=decoded.sop_instance_uid,
        bits_stored=decoded.bits_stored,
        warnings=decoded.warnings,
    )


def _decode(data: bytes, origin: str, max_pixels: int, *, probe_colour: bool, frame: int | None = None) -> Decoded:
    file_format = sniff(data[:HEAD_BYTES])
    if file_format is None:
        reason, words = describe_unknown(data[:HEAD_BYTES])
        remedy = ", which nothing here decodes; save it as PNG" if reason == "no-decoder" else ""
        raise ImageReadError(f"{origin}: is {words}{remedy}; {_EXPECTED}", reason=reason)
    if file_format is FileFormat.DICOM:
        from covidcxr.imaging.dicom.image import decode_dicom

        decoded = decode_dicom(data, origin=origin, max_pixels=max_pixels, frame=frame)
    elif file_format is FileFormat.NIFTI:
        from covidcxr.imaging.nifti import decode_nifti

        decoded = decode_nifti(data, origin=origin, max_pixels=max_pixels)
    else:
        from covidcxr.imaging.raster import decode_raster

        decoded = decode_raster(data, file_format, origin=origin, max_pixels=max_pixels, probe_colour=probe_colour)
    pixels = decoded.pixels
    if pixels.dtype != np.uint8 and not (pixels.min() >= 0.0 and pixels.max() <= 1.0):  # false of NaN as well
        raise ImageReadError(f"{origin}: its gray values are not finite; get it again", reason="not-finite")
    return decoded


def _load(source: Readable, origin: str) -> bytes:
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    source = Path(source) if isinstance(source, str) else source
    if not isinstance(source, Path):
        return _bounded(source.read(MOST_FILE_BYTES + 1), origin)
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise ImageReadError(f"{origin}: is no regular file; expected an image file", reason="not-a-file")
        with source.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
            if sniff(head) is None:  # no need to read all of a large archive to say what it is
                return head
            return _bounded(head + stream.read(MOST_FILE_BYTES + 1 - len(head)), origin)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageReadError(f"{origin}: no such file; check the path", reason="missing") from None
    except OSError as error:
        raise ImageReadError(f"{origin}: cannot be opened: {error.strerror or error}", reason="unreadable") from error
    except ValueError as error:  # a NUL byte in the path
        raise ImageReadError(f"{origin!r}: not a possible path ({error})", reason="missing") from None


def _bounded(data: bytes, origin: str) -> bytes:
    if len(data) > MOST_FILE_BYTES:
        raise ImageTooLargeError(
            f"{origin}: a file of more than 512 MiB; expected one radiograph; take the image out of it"
        )
    return data


def _name(source: Readable) -> str:
    return str(source) if isinstance(source, str | Path) else "<bytes>"
