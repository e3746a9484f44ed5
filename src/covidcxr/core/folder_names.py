"""What the names of folders in a tree of images mean besides classes: parts of a split, and masks.

A name is matched whole, without case or punctuation; classes are known to `covidcxr.core.labels`.
"""

from __future__ import annotations

from covidcxr.core.labels import label_key
from covidcxr.core.types import Split

_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_MASKS = frozenset({"mask", "masks", "lungmasks"})  # beside images/ in the COVID-19 Radiography Database's layout


def find_split(name: str) -> Split | None:
    """Return the part of a split that ``name`` means ("Training", "valid"), or None."""
    return _SPLITS.get(label_key(name))


def is_mask_folder(name: str) -> bool:
    """Return whether a folder of this name holds outlines of lungs, which are no radiographs."""
    return label_key(name) in _MASKS
