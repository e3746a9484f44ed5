"""Stored values to what the eye should see: the grayscale rendition pipeline of PS3.4 N.2, written once.

Every step maps single values, never their neighbours; so a table of all possible cells goes through the pipeline and
the image is looked up in it. Overlays and annotations are no part of the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.dicom.header import DicomHeader, padding_range
from covidcxr.imaging.dicom.stored import Frame, Reading
from covidcxr.imaging.dicom.voi import Window
from covidcxr.imaging.value_range import range_in_use

_TABLE_BITS = 16


def render_gray(
    frame: Frame, reading: Reading, header: DicomHeader, origin: str
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return P-values in [0, 1], float32 (H, W), of a MONOCHROME frame, and what was noticed.

    Raises:
        ImageReadError: ``not-finite``, if rescale and window leave no finite values.
    """
    cells = frame.cells
    low, high, notes = _black_and_white(frame, reading, header)
    if frame.bits > _TABLE_BITS:
        values = reading.values_of(cells).astype(np.float64)
        return _render(values, reading, header, (low, high), origin), notes
    patterns = np.arange(1 << (8 * cells.dtype.itemsize))
    table = _render(reading.values_of(patterns).astype(np.float64), reading, header, (low, high), origin)
    return table[cells], notes


def _render(
    values: NDArray[np.float64], reading: Reading, header: DicomHeader, ends: tuple[float, float], origin: str
) -> NDArray[np.float32]:
    modality = apply_modality(values, header)
    if header.voi_lut is not None:
        shown = header.voi_lut.apply(modality) / header.voi_lut.white
    elif header.window is not None:
        shown = apply_window(modality, header.window)
    else:
        shown = (modality - ends[0]) / (ends[1] - ends[0])
    if not (np.isfinite(modality).all() and np.isfinite(shown).all()):
        raise ImageReadError(
            f"{origin}: RescaleSlope, RescaleIntercept or the window (0028,1053, 1052, 1050, 1051) give values that "
            "are not finite; correct them, or get the file again",
            reason="not-finite",
        )
    shown = np.clip(shown, 0.0, 1.0)
    # PS3.3 C.7.6.3.1.2: the lowest value of MONOCHROME1 is white. C.8.11.3.1.2 and C.11.6 say the same of DX by
    # Presentation LUT Shape INVERSE, which therefore must not be applied a second time.
    if header.photometric == "MONOCHROME1":
        shown = 1.0 - shown
    padding = padding_range(header, bits=reading.bits, is_signed=reading.is_signed)
    if padding is not None:  # PS3.3 C.7.5.1.1.2: outside every grayscale transformation, so plain background
        shown[(values >= padding[0]) & (values <= padding[1])] = 0.0
    return shown.astype(np.float32)


def apply_modality(values: NDArray[np.float64], header: DicomHeader) -> NDArray[np.float64]:
    """Apply the Modality LUT (PS3.3 C.11.1): its table if it has one, else slope and intercept."""
    if header.modality_lut is not None:
        return header.modality_lut.apply(values)
    return values * header.slope + header.intercept


def apply_window(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Apply one window with an output range of [0, 1]: the three functions of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))
    if window.function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if width == 1.0:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _black_and_white(frame: Frame, reading: Reading, header: DicomHeader) -> tuple[float, float, tuple[str, ...]]:
    """Return the modality values that are black and white where no VOI LUT and no window says so.

    PS3.4 N.2.1.2 then passes the whole range of the modality output on. Where a file states more bits than it uses
    (12-bit values with BitsStored 16), that would be a dark image: `range_in_use` chooses.
    """
    if header.voi_lut is not None or header.window is not None:
        return 0.0, 1.0, ()
    if header.modality_lut is not None:
        return 0.0, float(header.modality_lut.white), ()
    cells, numbers = frame.histogram
    levels, places = np.unique(reading.values_of(cells), return_inverse=True)
    counts = np.bincount(places, weights=numbers, minlength=len(levels)).astype(np.int64)
    padding = padding_range(header, bits=reading.bits, is_signed=reading.is_signed)
    if padding is not None:
        shown_ones = (levels < padding[0]) | (levels > padding[1])
        levels, counts = levels[shown_ones], counts[shown_ones]
    shown = range_in_use(levels, counts, bits=reading.bits, is_signed=reading.is_signed)
    ends = shown.black * header.slope + header.intercept, shown.white * header.slope + header.intercept
    return min(ends), max(*ends, min(ends) + 1e-12), (shown.note,) if shown.note else ()
