"""Which stored values are black and white where a file does not say so: one rule for every container.

Archives export 12- and 14-bit values in 16-bit PNG, TIFF, NIfTI and DICOM, and nothing in such a file tells them from
values that use all 16 bits. Read over the whole range they would be nearly black, so the bits in use are taken instead,
and the choice is told. Values of eight unsigned bits are always taken as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]

_FEWEST_BITS = 8  # no detector or scanner stores a radiograph in fewer
_OVERSHOOT = 32  # resampling may leave the range of a power of two by one part in so many
_SPARE_BITS_OF_OFFSET = 2  # a band of values that far from zero, and that narrow, is taken to begin at its lowest value
_SPARE_BITS_OF_OUTLIERS = 3  # so much narrower must the range be without its outliers for them to be left out
_OUTLIERS = 0.001  # share of the pixels, on each side
_WIDENED = 257  # 8-bit values times this fill 16 bits
_TABLE_BITS = 16
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueRange:
    """Stored values that are shown black and white; those beyond are clipped.

    Attributes:
        black, white: ``black`` is less than ``white``.
        note: What was assumed, as a sentence for `Radiograph.warnings`; empty where the stated range was taken.
    """

    black: int
    white: int
    note: str = ""

    def apply(self, values: Integers) -> NDArray[np.float32]:
        """Return values of any shape as float32 from 0 for black to 1 for white."""
        return scale_to_unit(values, self.black, self.white)


def luma_in_steps(colours: Integers, shown: ValueRange, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return luma float32 (H, W) in [0, 1] of (H, W, 3) colours, some rows at a time to save memory."""
    luma = np.empty(colours.shape[:2], np.float32)
    step = max(1, _CHUNK // max(1, colours.shape[1]))
    for start in range(0, len(luma), step):
        luma[start : start + step] = shown.apply(colours[start : start + step]) @ weights
    return np.clip(luma, 0.0, 1.0, out=luma)


def scale_to_unit(values: NDArray[np.generic], black: float, white: float) -> NDArray[np.float32]:
    """Return real values of any shape as float32, 0 at ``black`` and 1 at ``white``, which may be the smaller one."""
    unit = values.astype(np.float32)
    unit -= np.float32(black)
    unit /= np.float32(white - black)
    return np.clip(unit, 0.0, 1.0, out=unit)


def stated_range(*, bits: int, is_signed: bool) -> ValueRange:
    """Return the whole range of integers of ``bits`` bits."""
    lowest = -(1 << (bits - 1)) if is_signed else 0
    return ValueRange(black=lowest, white=lowest + (1 << bits) - 1)


def unstated_range(values: Integers, *, bits: int, is_signed: bool) -> ValueRange:
    """Return the range to show of ``values`` of any shape; see `range_in_use`."""
    if values.size == 0 or (bits <= _FEWEST_BITS and not is_signed):
        return stated_range(bits=bits, is_signed=is_signed)
    return range_in_use(*histogram(values), bits=bits, is_signed=is_signed)


def range_in_use(levels: NDArray[np.int64], counts: NDArray[np.int64], *, bits: int, is_signed: bool) -> ValueRange:
    """Return the range to show where only the number of bits is stated.

    Args:
        levels: The values that occur, padding aside, in rising order.
        counts: How often each does.
        bits: That the file states for each value, up to 32.
        is_signed: Whether values can be negative.

    Returns:
        The stated range if the values use all of its bits, have eight unsigned bits, or are eight bits repeated to fill
        sixteen (multiples of 257), which is how image programs widen them. Else the smallest power of two
        that holds them, from 0 or, for negative values and for values far above 0, from the lowest. A thousandth of the
        pixels, and one value that stands alone at either end, may lie outside if the range is so much smaller.
    """
    whole = stated_range(bits=bits, is_signed=is_signed)
    if len(levels) == 0 or (bits <= _FEWEST_BITS and not is_signed):
        return whole
    fewest = min(_FEWEST_BITS, bits - is_signed)
    if bits == 16 and not is_signed and len(levels) > 1 and not (levels % _WIDENED).any():
        return whole
    if len(levels) > 1 and levels[0] < 0 <= levels[1]:  # a single negative value is padding that nobody declared
        ends = int(levels[1]), int(levels[-1])
    else:
        ends = int(levels[0]), int(levels[-1])
    black, used = _black_and_bits(*ends, fewest)
    inner_black, inner_used = _black_and_bits(*_inner_ends(levels, counts), fewest)
    if inner_used <= min(used, bits) - _SPARE_BITS_OF_OUTLIERS:
        black, used = inner_black, inner_used
    if used >= bits:
        return whole
    white = black + (1 << used) - 1
    note = "gray-values: no window or range is stated: "
    note += f"{bits} bits are stated and {used} used, so {black} to {white} were taken"
    outside = counts[(levels < black) | (levels > white)].sum() / counts.sum()
    if outside:
        note += f"; {max(outside, 1e-4):.2%} of the pixels lie outside"
    return ValueRange(black=black, white=white, note=note)


def _black_and_bits(lowest: int, highest: int, fewest: int) -> tuple[int, int]:
    """Return black and the number of bits above it that values from ``lowest`` to ``highest`` use."""
    span = _bits(highest - lowest, fewest)
    if lowest < 0 and -lowest * _OVERSHOOT > highest:
        return lowest, span
    used = _bits(highest, fewest)
    if used - span >= _SPARE_BITS_OF_OFFSET:
        return lowest, span
    return 0, used


def _bits(number: int, fewest: int) -> int:
    """Return the bits that ``number`` needs, or would need without the overshoot of a resampling."""
    needed = max(number, 0).bit_length()
    top_bit = (1 << needed) >> 1
    if number - top_bit < top_bit // _OVERSHOOT:
        needed -= 1
    return max(needed, fewest)


def histogram(values: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values that occur, in rising order, and how often each does.

    Values that span more than 16 bits are counted in 65,536 steps or fewer; the lowest and the highest are exact.
    """
    lowest, highest = int(values.min()), int(values.max())
    shift = max(0, (highest - lowest).bit_length() - _TABLE_BITS)
    counts = np.zeros(((highest - lowest) >> shift) + 1, np.int64)
    flat = values.reshape(-1)
    for start in range(0, flat.size, _CHUNK):  # bincount makes eight bytes of every value
        part = (flat[start : start + _CHUNK].astype(np.int64) - lowest) >> shift
        counts += np.bincount(part, minlength=counts.size)
    steps = np.flatnonzero(counts)
    levels = (steps << shift) + lowest
    levels[-1] = highest
    return levels, counts[steps]


def _inner_ends(levels: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return the lowest and highest value without a thousandth of the pixels and without one value at either end."""
    first, last = 0, len(levels) - 1
    if last >= 3:
        whole = levels[last] - levels[first]
        # One value that stands alone, such as undeclared padding or burned-in white: half of the range lies beside it.
        first += bool((levels[first + 1] - levels[first]) * 2 > whole)
        last -= bool((levels[last] - levels[last - 1]) * 2 > whole)
    inside, below = levels[first : last + 1], np.cumsum(counts[first : last + 1])
    cut = _OUTLIERS * below[-1]
    low = int(np.searchsorted(below, cut, side="right"))
    high = int(np.searchsorted(below, below[-1] - cut, side="left"))
    return int(inside[low]), int(inside[min(high, len(inside) - 1)])
