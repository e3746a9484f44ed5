"""A JPEG whose gray values jump for good in the middle of a row of blocks: what flipped bits leave behind.

Each block's mean is stored as a difference from the last one (ITU-T T.81 F.1.1.5.1). A wrong difference shifts that
block and all that follow: the blocks right of it differ from the row above, those left of it from the row below, and
both by the same step. An edge of the image itself has no such notch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEWEST_LEVELS = 14  # of 255; below it the step drowns in what coarse JPEG does to borders of blocks
_MOST = 0.35  # share of the step by which its parts may differ
_AGREEING = 0.7  # share of the columns that show the step


def shift_notes(luma: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return a warning of (H, W) ``luma``, as a JPEG holds it, if its gray values shift for good; else none."""
    for side in (8, 16):
        found = block_shift(luma, side)
        if found is not None:
            row, step = found
            return (
                f"damaged: from row {row} on, gray values are {step:+d} of 255 off, "
                "beginning in the middle of a row of JPEG blocks",
            )
    return ()


def block_shift(luma: NDArray[np.uint8], side: int) -> tuple[int, int] | None:
    """Return the row of pixels and the step in levels at which gray values shift for good; None if they do not.

    Args:
        luma: (H, W), as decoded, not turned.
        side: Of the blocks that are stored in one go: 8, or 16 where colour is stored at half the size.
    """
    rows, columns = luma.shape[0] // side, luma.shape[1] // side
    if rows < 3 or columns < 4:
        return None
    borders = np.arange(1, rows) * side
    steps = luma[borders, : columns * side].astype(np.int16) - luma[borders - 1, : columns * side]
    medians = np.abs(np.median(steps, axis=1))
    # The notch has a left and a right part; the larger one is at least half of a border.
    for border in np.flatnonzero(medians >= _FEWEST_LEVELS).tolist():
        for first in (border, border - 1):
            if 0 <= first < len(borders) - 1:
                step = _notch(steps[first], steps[first + 1], side)
                if step:
                    return int(borders[first]), step
    return None


def _notch(above: NDArray[np.int16], below: NDArray[np.int16], side: int) -> int:
    """Return the step of a notch between the borders above and below a row of blocks; 0 if there is none.

    The block in which it begins, and the next, may hold anything.
    """
    width = len(above)
    for column in range(side, width - 2 * side, side):
        right, left = above[column + 2 * side :], below[:column]
        step = float(np.median(np.concatenate([right, left])))
        if abs(step) < _FEWEST_LEVELS:
            continue
        parts = (np.abs(right - step), np.abs(left - step), np.abs(above[:column]), np.abs(below[column + 2 * side :]))
        if min(float((part <= _MOST * abs(step)).mean()) for part in parts) >= _AGREEING:
            return round(step)
    return 0
