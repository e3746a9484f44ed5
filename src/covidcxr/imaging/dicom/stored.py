"""From the cells of decoded pixel data to stored values, as the header says, or as the values do where both disagree.

A header that says fewer bits than the values use, or the wrong sign, folds the brightest parts of an image into black.
Which reading is right shows in neighbouring pixels: under the wrong one, values jump by the whole range where they run
on under the other. What cannot be told so is refused. Every departure from the header is a warning that names the tag.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.dicom.header import DicomHeader
from covidcxr.imaging.value_range import histogram

Cells = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]

_TABLE_BITS = 16
_SAMPLED_ROWS = 256
_FEWEST_BREAKS = 8  # neighbours that speak for one reading; fewer may be chance
_CLEARLY_BITS, _CLEARLY_SIGN = 3, 8  # times as many speak for one reading as for the other
_FEWEST_LEVELS = 64
_FEWEST_SIGN_BITS = 9  # unsigned 8-bit images are drawings as often as radiographs, which jump from black to white


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Which bits of a cell are the stored value (PS3.5 8.1.1): ``bits`` of them, from ``low`` upwards."""

    low: int
    bits: int
    is_signed: bool

    def values_of(self, cells: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the stored values in unsigned cells of any shape."""
        values = (cells.astype(np.int64) >> self.low) & ((1 << self.bits) - 1)
        if self.is_signed:
            values -= (values >> (self.bits - 1)) << self.bits
        return values


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One decoded frame of one sample per pixel.

    Attributes:
        cells: Unsigned (H, W), as they came out of the decoder.
        bits: Of a cell; of a compressed frame, as many as its stream states.
        is_signed: As a JPEG 2000 stream states it; None if the encoding does not.
        is_native: Whether values may stand higher than bit 0, and other things beside them.
    """

    cells: Cells
    bits: int
    is_signed: bool | None
    is_native: bool

    @cached_property
    def histogram(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The cells that occur, in rising order, and how often; of more than 16 bits, in steps."""
        return histogram(self.cells)


def choose_reading(frame: Frame, header: DicomHeader, origin: str) -> tuple[Reading, tuple[str, ...]]:
    """Return which bits are the stored values, and warnings where that is not what the header says.

    Raises:
        ImageReadError: ``contradiction``, if header and values disagree and the values do not tell which is right.
    """
    low = header.high_bit + 1 - header.bits_stored if frame.is_native else 0
    stated = Reading(low=low, bits=min(header.bits_stored, frame.bits), is_signed=header.is_signed)
    notes: tuple[str, ...] = ()
    if frame.bits < header.bits_stored and not frame.is_native:
        notes += (f"{_BITS} {header.bits_stored} is more than the {frame.bits} of the compressed stream, which count",)
    chosen, more = _with_enough_bits(frame, stated, header, origin)
    signed, sign_notes = _with_right_sign(frame, chosen)
    return signed, tuple(f"header: {note}" for note in (*notes, *more, *sign_notes))


_BITS, _HIGH, _SIGN = "BitsStored (0028,0101)", "HighBit (0028,0102)", "PixelRepresentation (0028,0103)"


def _with_enough_bits(
    frame: Frame, stated: Reading, header: DicomHeader, origin: str
) -> tuple[Reading, tuple[str, ...]]:
    used = _bits_in_use(frame, header.overlay_bits if frame.is_native else ())
    above = used >> (stated.low + stated.bits)
    below = used & ((1 << stated.low) - 1)
    if not above and not below:
        return stated, ()
    if below:
        wider = Reading(low=0, bits=used.bit_length(), is_signed=stated.is_signed)
        return wider, (f"{_HIGH} {header.high_bit} leaves out low bits that are in use; all {wider.bits} were read",)
    if _is_sign_extended(frame, stated):
        if stated.is_signed or _is_constant(frame, stated):
            return stated, ()
        return replace(stated, is_signed=True), (f"{_SIGN} says unsigned, but the values have a sign; it was read",)
    wider = _wider(frame, stated, used)
    breaks, other_breaks = _breaks(_rows_above(frame, stated), stated, wider)
    if breaks > _CLEARLY_BITS * other_breaks:
        told = f"{_BITS} is {stated.bits}, but the values use {wider.bits} bits; all of them were read"
        return wider, (told,)
    if _is_constant(frame, stated) or other_breaks > _CLEARLY_BITS * breaks:
        return stated, (f"bits above {_HIGH} {header.high_bit} are set and no part of the image; they were dropped",)
    raise ImageReadError(
        f"{origin}: {_BITS} is {stated.bits}, but the values use {wider.bits} bits, and they do not tell which is "
        "right; correct the header, or get the file again",
        reason="contradiction",
    )


def _with_right_sign(frame: Frame, stated: Reading) -> tuple[Reading, tuple[str, ...]]:
    """Return the reading with the sign that neighbouring values show, where they show another than the header's."""
    says = "signed" if stated.is_signed else "unsigned"
    differs = frame.is_signed is not None and frame.is_signed != stated.is_signed
    other = Reading(low=stated.low, bits=stated.bits, is_signed=not stated.is_signed)
    if stated.bits >= _FEWEST_SIGN_BITS or stated.is_signed or differs:
        breaks, other_breaks = _breaks(_sampled(frame.cells), stated, other)
        if breaks >= _FEWEST_BREAKS and breaks > _CLEARLY_SIGN * other_breaks and _spans(frame, other):
            really = "signed" if other.is_signed else "unsigned"
            return other, (f"{_SIGN} says {says}, but the values run on only as {really} ones; they were read so",)
    if differs:
        return stated, (f"{_SIGN} says {says}, the compressed stream does not; the header was followed",)
    return stated, ()


def _bits_in_use(frame: Frame, overlay_bits: tuple[int, ...]) -> int:
    """Return the cells joined by OR, without the bits that the header declares as overlays."""
    if frame.bits <= _TABLE_BITS:
        used = int(np.bitwise_or.reduce(frame.histogram[0]))
    else:
        used = int(np.bitwise_or.reduce(frame.cells, axis=None))
    for bit in overlay_bits:
        used &= ~(1 << bit)
    return used


def _wider(frame: Frame, stated: Reading, used: int) -> Reading:
    """Return the reading of as many bits as the values need, from the lowest stated one."""
    bits = (used >> stated.low).bit_length()
    if stated.is_signed:
        cells = frame.histogram[0]
        whole = Reading(low=stated.low, bits=frame.bits - stated.low, is_signed=True).values_of(cells)
        bits = max(int(whole.max()).bit_length(), int(-whole.min() - 1).bit_length()) + 1
    return Reading(low=stated.low, bits=bits, is_signed=stated.is_signed)


def _is_sign_extended(frame: Frame, stated: Reading) -> bool:
    """Tell if the bits above every value are those of its sign."""
    cells = frame.histogram[0] >> stated.low
    above = cells >> (stated.bits - 1)
    ones = (1 << (frame.bits - stated.low - stated.bits + 1)) - 1
    return bool(((above == 0) | (above == ones)).all())


def _is_constant(frame: Frame, stated: Reading) -> bool:
    """Tell if the bits above the stated ones are the same in every pixel, and so hold nothing."""
    above = frame.histogram[0] >> (stated.low + stated.bits)
    return bool((above == above[0]).all())


def _spans(frame: Frame, reading: Reading) -> bool:
    """Tell if values so read are an image, spread over some levels, and no drawing in black and white."""
    values = reading.values_of(frame.histogram[0])
    return bool(values.max() - values.min() >= _FEWEST_LEVELS)


def _rows_above(frame: Frame, reading: Reading) -> Cells:
    """Return rows of pixels that have bits above those of ``reading`` set."""
    has_any = (frame.cells >= (1 << (reading.low + reading.bits))).any(axis=1)
    return _sampled(frame.cells[has_any])


def _sampled(cells: Cells) -> Cells:
    return cells[:: max(1, cells.shape[0] // _SAMPLED_ROWS)]


def _breaks(rows: Cells, first: Reading, second: Reading) -> tuple[int, int]:
    """Return in how many places values jump by the whole range under one reading and run on under the other."""
    one, two = (np.abs(np.diff(reading.values_of(rows), axis=1)) for reading in (first, second))
    whole = 1 << min(first.bits, second.bits)
    jump, step = whole * 3 // 4, whole // 4
    return int(((one >= jump) & (two <= step)).sum()), int(((two >= jump) & (one <= step)).sum())
