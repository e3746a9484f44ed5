"""What every reader hands back: gray pixels, and the few facts that the file's header states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError, ImageTooLargeError
from covidcxr.core.types import View

MAX_PIXELS = 100_000_000
_ROWS = 64
MAX_SPACING_MM = 100.0  # between two pixels; what says more does not mean it


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Decoded:
    """One decoded image.

    A `covidcxr.core.types.Radiograph` is float32 always and has an origin; this keeps eight bits where the source has
    no more, so that compiling a dataset needs a quarter of the memory and no conversion to float32 and back.

    Attributes:
        pixels: (H, W), bone bright: uint8 over the whole 0-255, or float32 in [0, 1] where the source has more than
            eight bits.
        bits_stored: Bits a stored value uses in the source.
        warnings: Short sentences for `Radiograph.warnings`; those that put the gray values in doubt begin as
            `covidcxr.imaging.doubts` says.
        spacing_mm: (row, column) spacing; None if the file does not tell.
        view: As the header states it.
        modality, body_part: As a DICOM header states them, in capitals; empty otherwise.
        sop_instance_uid: None unless DICOM.
    """

    pixels: NDArray[np.uint8] | NDArray[np.float32]
    bits_stored: int = 8
    warnings: tuple[str, ...] = ()
    spacing_mm: tuple[float, float] | None = None
    view: View = View.UNKNOWN
    modality: str = ""
    body_part: str = ""
    sop_instance_uid: str | None = None

    def as_float(self) -> NDArray[np.float32]:
        """Return the pixels as float32 (H, W) in [0, 1]."""
        if self.pixels.dtype == np.uint8:
            return np.multiply(self.pixels, np.float32(1 / 255), dtype=np.float32)
        return self.pixels.astype(np.float32, copy=False)

    def as_uint8(self) -> NDArray[np.uint8]:
        """Return the pixels as uint8 (H, W), rounded to the nearest level."""
        if self.pixels.dtype == np.uint8:
            return self.pixels.astype(np.uint8, copy=False)
        levels = np.empty(self.pixels.shape, np.uint8)
        for start in range(0, len(levels), _ROWS):  # a few rows at a time, to save memory
            levels[start : start + _ROWS] = np.rint(self.pixels[start : start + _ROWS] * np.float32(255))
        return levels


def out_of_memory(origin: str) -> ImageTooLargeError:
    """Return the error of an image whose decoding ended for want of memory."""
    return ImageTooLargeError(f"{origin}: not enough memory to decode it; scale it down, or free memory")


def check_size(rows: int, columns: int, *, origin: str, max_pixels: int, frames: int = 1) -> None:
    """Refuse a size that a header announces, before anything is decoded.

    Raises:
        ImageReadError: ``zero-size``, if a side is zero or less.
        ImageTooLargeError: If it has more than ``max_pixels`` pixels.
    """
    if rows <= 0 or columns <= 0 or frames <= 0:
        raise ImageReadError(
            f"{origin}: its header says {columns} x {rows} pixels; expected at least one of each; get the file again",
            reason="zero-size",
        )
    if rows * columns * frames > max_pixels:
        raise ImageTooLargeError(
            f"{origin}: its header says {columns} x {rows} pixels, more than the {max_pixels:,} that are read; "
            "scale it down, or raise max_pixels"
        )
