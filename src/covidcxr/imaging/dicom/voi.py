"""Which values of interest a DICOM header names (PS3.3 C.11.2): the window, of the image or of one of its frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

# What an enhanced image keeps in functional groups, by the sequence in a group that holds it (PS3.3 C.7.6.16.2).
_IN_GROUPS = {
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "PixelMeasuresSequence": ("PixelSpacing",),
}
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One window of the VOI LUT module (PS3.3 C.11.2.1.2)."""

    centre: float
    width: float
    function: str


def read_window(dataset: Dataset) -> tuple[Window | None, tuple[str, ...]]:
    """Return the first window, None if there is none that can be used, and what was noticed.

    A LINEAR window narrower than 1, which C.11.2.1.2.1 does not allow, is meant for values with fractions: it is taken
    as LINEAR_EXACT, which allows it.
    """
    centre, width = (first_value(dataset.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    if centre in (None, "") or width in (None, ""):
        return None, ()
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    window = Window(centre=float(centre), width=float(width), function=function)
    is_usable = math.isfinite(window.centre) and math.isfinite(window.width) and window.width > 0
    if not is_usable or function not in _FUNCTIONS:
        return None, ("gray-values: window ignored: width or function is not valid (PS3.3 C.11.2.1.2)",)
    if function == "LINEAR" and window.width < 1:
        exact = Window(centre=window.centre, width=window.width, function="LINEAR_EXACT")
        return exact, ("gray-values: a LINEAR window narrower than 1 was taken as LINEAR_EXACT (PS3.3 C.11.2.1.3.2)",)
    return window, ()


def take_from_groups(dataset: Dataset, frame: int) -> None:
    """Set the attributes of ``dataset`` that it keeps for ``frame``, from 0, in functional groups."""
    for group in _groups(dataset, frame):
        for sequence, keywords in _IN_GROUPS.items():
            for item in list(group.get(sequence) or ())[:1]:
                for keyword in keywords:
                    if dataset.get(keyword) in (None, "") and item.get(keyword) not in (None, ""):
                        setattr(dataset, keyword, item.get(keyword))


def _groups(dataset: Dataset, frame: int) -> Iterator[Dataset]:
    """Yield the functional groups of a frame, then those of all frames (PS3.3 C.7.6.16.1)."""
    per_frame = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if frame < len(per_frame):
        yield per_frame[frame]
    yield from list(dataset.get("SharedFunctionalGroupsSequence") or ())[:1]


def first_value(value: Any) -> Any:
    """Return the first value of a multi-valued attribute; windows, for example, are alternatives."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        return value
    return value[0] if len(value) else None
