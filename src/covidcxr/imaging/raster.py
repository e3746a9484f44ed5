"""PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF and bare JPEG 2000 to gray pixels, with Pillow (and OpenCV for 16-bit colour).

Colour becomes ITU-R BT.601 luma; a JPEG's own luma channel is taken without a detour over RGB. Transparent parts are
shown over black: of the public sources' 75 RGBA files, the few with real transparency hold black beneath it. Stored
orientation (EXIF) is applied. Which of more than eight bits are black and white, `covidcxr.imaging.value_range` says.
Anything else a file could mean (several frames, float values outside [0, 1]) is refused, not guessed.
"""

from __future__ import annotations

import io
import threading
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.block_shift import shift_notes
from covidcxr.imaging.damage import length_notes, refuse_damaged_png, refuse_damaged_tiff, refuse_rare_jpeg
from covidcxr.imaging.decoded import Decoded, check_size, out_of_memory
from covidcxr.imaging.decoder_noise import Noise, caught_noise
from covidcxr.imaging.deep_raster import deep_colour, deep_gray
from covidcxr.imaging.formats import FileFormat
from covidcxr.imaging.memory import check_cost
from covidcxr.imaging.strict_jpeg import decode_strictly

# The plugin classes themselves, not Image.open: it probes every format, and its size check is a process-wide setting.
_PLUGINS: dict[FileFormat, type[ImageFile.ImageFile]] = {
    FileFormat.PNG: PngImagePlugin.PngImageFile,
    FileFormat.JPEG: JpegImagePlugin.JpegImageFile,
    FileFormat.TIFF: TiffImagePlugin.TiffImageFile,
    FileFormat.BMP: BmpImagePlugin.BmpImageFile,
    FileFormat.WEBP: WebPImagePlugin.WebPImageFile,
    FileFormat.GIF: GifImagePlugin.GifImageFile,
    FileFormat.AVIF: AvifImagePlugin.AvifImageFile,
    FileFormat.JPEG2000: Jpeg2KImagePlugin.Jpeg2KImageFile,
}
RASTER_FORMATS = frozenset(_PLUGINS)

_NO_DECODER_WORDS = ("unknown pixel mode", "unknown data organization", "not available", "unsupported")
_NOISY = (FileFormat.TIFF, FileFormat.JPEG2000)
_TRUNCATION_WORDS = ("truncated", "not enough image data", "unexpected end", "eof", "incomplete", "bytes not processed")
_TIFF_BITS_PER_SAMPLE, _EXIF_ORIENTATION = 258, 274
_COLOUR_PROBE = (64, 64)
_COLOUR_LEVELS = 24  # mean spread between channels, of 255, beyond which a gray image was hardly stored as colour
_COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK")
_APNG_SEARCH_BYTES = 1 << 16
_WARNINGS_LOCK = threading.RLock()


def decode_raster(
    data: bytes, file_format: FileFormat, *, origin: str, max_pixels: int, probe_colour: bool = False
) -> Decoded:
    """Decode one raster image of a known format.

    Args:
        data: The whole file.
        file_format: As `covidcxr.imaging.formats.sniff` tells.
        origin: What messages call the file.
        max_pixels: Checked against the header before any pixel is decoded.
        probe_colour: Also look, on a small copy, whether the image is really coloured, and warn if so.

    Raises:
        ImageReadError: If it is truncated, damaged, has several frames or an unsupported pixel format.
        ImageTooLargeError: If its header announces more than ``max_pixels``.
    """
    try:
        if file_format is FileFormat.JPEG:
            refuse_rare_jpeg(data, origin)
        with (
            _quiet(_makes_remarks(data, file_format)),
            _caught(file_format) as noise,
            _PLUGINS[file_format](io.BytesIO(data)) as image,
        ):
            check_size(image.height, image.width, origin=origin, max_pixels=max_pixels)
            check_cost(len(data) + image.width * image.height * _cost(image, data, file_format), origin)
            _refuse_frames(image, file_format, origin)
            _refuse_damage(image, data, file_format, origin)
            decoded = _to_gray(image, data, file_format, origin)
            notes = _colour_notes(image, data, file_format) if probe_colour else ()
        if noise.complaint:
            raise ValueError(noise.complaint)
        if file_format in (FileFormat.WEBP, FileFormat.AVIF):
            notes += length_notes(data, is_webp=file_format is FileFormat.WEBP)
        return replace(decoded, warnings=decoded.warnings + notes) if notes else decoded
    except ImageReadError:
        raise
    except MemoryError as error:
        raise out_of_memory(origin) from error
    except Exception as error:  # the decoders raise anything from struct.error to RecursionError on hostile files
        raise _read_error(error, file_format, origin) from error


def decode_colour(data: bytes, file_format: FileFormat, *, side: int) -> NDArray[np.uint8] | None:
    """Return uint8 (h, w, 3), red first, of an image that is stored in colour.

    A JPEG is scaled down while decoding as long as both sides keep ``side`` pixels. Orientation and transparency are
    disregarded. None if it is stored in gray, or damaged in a way that OpenCV bears and Pillow does not.
    """
    try:
        with _quiet(_makes_remarks(data, file_format)), _PLUGINS[file_format](io.BytesIO(data)) as image:
            if image.mode not in _COLOUR_MODES:
                return None
            image.draft("RGB", (side, side))
            return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))[..., :3]
    except Exception:  # as in decode_raster
        return None


def _to_gray(image: ImageFile.ImageFile, data: bytes, file_format: FileFormat, origin: str) -> Decoded:
    if file_format is FileFormat.JPEG:
        image.draft("L", image.size)
        luma = decode_strictly(data, origin=origin)
        if image.mode == "L":  # as Pillow would decode it
            return Decoded(pixels=_upright(luma, image, file_format), warnings=shift_notes(luma))
    bits = _bits_per_sample(image, data, file_format)
    image.load()
    if file_format is FileFormat.JPEG2000 and image.mode == "I;16":
        bits = 16  # to which Pillow stretches any number above eight
    pixels: NDArray[np.uint8] | NDArray[np.float32]
    if bits == 16 and image.mode in ("RGB", "RGBA", "LA"):
        pixels, notes = deep_colour(data, origin)
    elif image.mode.startswith("I;16") or image.mode in ("I", "F"):
        pixels, notes = deep_gray(image, bits, origin)
    else:
        bits = 8
        pixels, notes = _eight_bit_gray(image)
    return Decoded(pixels=_upright(pixels, image, file_format), bits_stored=bits, warnings=notes)


def _eight_bit_gray(image: Image.Image) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return luma over black as uint8 (H, W), and what was noticed."""
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image), ()
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        luma = np.asarray(rgba.convert("RGB").convert("L"))
        if alpha.min() == 255:
            return luma, ()
        blended = (luma.astype(np.uint16) * alpha + 127) // 255
        return blended.astype(np.uint8), ("transparent parts shown over black",)
    if image.mode not in ("RGB", "P", "1", "L"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L")), ()


def _refuse_damage(image: ImageFile.ImageFile, data: bytes, file_format: FileFormat, origin: str) -> None:
    if file_format is FileFormat.PNG:
        refuse_damaged_png(data, origin)
    elif file_format is FileFormat.TIFF:
        most_bytes = image.width * image.height * 16
        refuse_damaged_tiff(data, image.tag_v2, most_bytes, origin)  # type: ignore[attr-defined]


def _cost(image: ImageFile.ImageFile, data: bytes, file_format: FileFormat) -> int:
    """Return the bytes per pixel that decoding takes at its peak, float32 pixels included."""
    if file_format is FileFormat.JPEG2000:
        return 12 + 5 * len(image.getbands())  # OpenJPEG works on 32 bits per sample
    if file_format in (FileFormat.AVIF, FileFormat.WEBP):
        return 16
    if _bits_per_sample(image, data, file_format) > 8:
        return 9 if image.mode.startswith("I;16") else 20
    if image.has_transparency_data:
        return 18
    return 6 if image.mode in ("L", "P", "1") or file_format is FileFormat.JPEG else 7


def _caught(file_format: FileFormat) -> AbstractContextManager[Noise]:
    """Return a context that catches what the decoders of a format write to stderr, where they do."""
    return caught_noise() if file_format in _NOISY else nullcontext(Noise())


def _bits_per_sample(image: ImageFile.ImageFile, data: bytes, file_format: FileFormat) -> int:
    if file_format is FileFormat.PNG:
        return data[24]  # IHDR: eight bytes of signature, length and type, width and height, then the bit depth
    if file_format is FileFormat.TIFF:
        return int(image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))[0])  # type: ignore[attr-defined]
    return 8


def _upright(pixels: NDArray[np.generic], image: Image.Image, file_format: FileFormat) -> NDArray:  # type: ignore[type-arg]
    """Apply the stored orientation (EXIF 2.3 tag 274); Pillow has already done so for TIFF."""
    if file_format is FileFormat.TIFF or "exif" not in image.info:
        return pixels
    with _quiet(True):
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _refuse_frames(image: ImageFile.ImageFile, file_format: FileFormat, origin: str) -> None:
    if file_format is not FileFormat.JPEG and getattr(image, "is_animated", False):
        raise ImageReadError(
            f"{origin}: a {file_format} of several frames; expected one radiograph; save the wanted frame on its own",
            reason="multi-frame",
        )


def _colour_notes(image: ImageFile.ImageFile, data: bytes, file_format: FileFormat) -> tuple[str, ...]:
    """Tell if a decoded image is really coloured, from a few thousand of its pixels."""
    if file_format is FileFormat.JPEG:
        # Its luma alone was decoded; a second, scaled decode shows the colours without decoding every pixel again.
        again: ImageFile.ImageFile = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        with again as probe:
            if probe.mode not in ("RGB", "CMYK"):
                return ()
            probe.draft("RGB", _COLOUR_PROBE)
            return _spread_notes(probe)
    return _spread_notes(image) if image.mode in _COLOUR_MODES else ()


def _spread_notes(image: Image.Image) -> tuple[str, ...]:
    small = np.asarray(image.resize(_COLOUR_PROBE, Image.Resampling.NEAREST).convert("RGB"), dtype=np.int16)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return ("colour image: its luma was taken",) if spread.mean() > _COLOUR_LEVELS else ()


@contextmanager
def _quiet(needed: bool) -> Iterator[None]:
    """Silence the remarks Pillow makes while reading odd metadata; they would reach a caller's stderr.

    Python's warning filters belong to the process, so threads take turns, where it is needed.
    """
    if not needed:
        yield
        return
    with _WARNINGS_LOCK, python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        yield


def _makes_remarks(data: bytes, file_format: FileFormat) -> bool:
    if file_format is FileFormat.PNG:
        return b"acTL" in data[:_APNG_SEARCH_BYTES]
    return file_format not in (FileFormat.JPEG, FileFormat.BMP, FileFormat.AVIF, FileFormat.JPEG2000)


def _read_error(error: Exception, file_format: FileFormat, origin: str) -> ImageReadError:
    words = str(error).lower()
    if isinstance(error.__cause__ or error, KeyError) or any(word in words for word in _NO_DECODER_WORDS):
        return ImageReadError(
            f"{origin}: no decoder for this kind of {file_format} ({error or type(error).__name__}); save it as PNG",
            reason="no-decoder",
        )
    if any(word in words for word in _TRUNCATION_WORDS):
        return ImageReadError(
            f"{origin}: a {file_format} that ends early; expected the whole file; get it again", reason="truncated"
        )
    return ImageReadError(
        f"{origin}: a damaged {file_format} ({error or type(error).__name__}); get it again, or save it anew",
        reason="undecodable",
    )
