"""Lookup tables as DICOM writes them (PS3.3 C.11.1.1, C.11.2.1.1): descriptor, data, and what lies outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LookupTable:
    """A table that maps ``first`` to ``entries[0]``, the next value to the next entry, and so on.

    Attributes:
        first: The first input value mapped.
        entries: uint16 (n,) output values.
        bits: Of an output value, so that white is ``2 ** bits - 1``.
    """

    first: int
    entries: NDArray[np.uint16]
    bits: int

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map values of any shape; those before the table take its first entry, those after it its last."""
        index = np.clip(np.floor(values) - self.first, 0, len(self.entries) - 1).astype(np.int64)
        found: NDArray[np.float64] = self.entries[index].astype(np.float64)
        return found

    @property
    def white(self) -> int:
        """The highest output value the descriptor allows."""
        return (1 << self.bits) - 1


def read_lut(sequence: Sequence[Any] | None, *, is_signed: bool, order: str) -> LookupTable | None:
    """Read the first item of a Modality or VOI LUT Sequence; further items are alternatives.

    Args:
        sequence: The sequence, or None; an item without a table counts as none.
        is_signed: Whether the values that go in can be negative; LUTDescriptor's second value then is, too.
        order: ``<`` or ``>``, the byte order of data that came as bytes.

    Raises:
        ValueError: If the descriptor does not fit the data.
    """
    if not sequence or is_empty_lut(sequence):
        return None
    return _table(sequence[0].LUTDescriptor, sequence[0].LUTData, is_signed=is_signed, order=order)


def is_empty_lut(sequence: Sequence[Any] | None) -> bool:
    """Tell if a Modality or VOI LUT Sequence has an item without a table."""
    if not sequence:
        return False
    return any(sequence[0].get(keyword) in (None, "", b"", []) for keyword in ("LUTDescriptor", "LUTData"))


def read_palette(dataset: Dataset, *, is_signed: bool) -> tuple[LookupTable, LookupTable, LookupTable]:
    """Read the red, green and blue palette (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6).

    pydicom's own reading takes their bytes in the machine's order, which is wrong for Explicit VR Big Endian.

    Raises:
        ValueError: If one is missing or its descriptor does not fit its data.
    """
    tables = []
    for colour in ("Red", "Green", "Blue"):
        descriptor = dataset.get(f"{colour}PaletteColorLookupTableDescriptor")
        data = dataset.get(f"{colour}PaletteColorLookupTableData")
        if descriptor is None or data is None:
            raise ValueError(f"PALETTE COLOR without its {colour.lower()} lookup table")
        tables.append(_table(descriptor, data, is_signed=is_signed, order=byte_order(dataset)))
    return tables[0], tables[1], tables[2]


def byte_order(dataset: Dataset) -> str:
    """Return ``<`` or ``>``, the order of bytes that came without a known word size."""
    return ">" if dataset.original_encoding[1] is False else "<"


def _table(descriptor: Sequence[int], data: Any, *, is_signed: bool, order: str) -> LookupTable:
    num_entries, first, bits = (int(value) for value in descriptor)
    num_entries = num_entries or 1 << 16  # C.11.1.1.1: 2 ** 16 does not fit in the field, so 0 stands for it
    if is_signed and first > 0x7FFF:
        first -= 1 << 16
    entries = _entries(data, num_entries, order)
    if not 8 <= bits <= 16 or num_entries < 0 or len(entries) < num_entries:
        raise ValueError(f"descriptor asks for {num_entries} entries of {bits} bits, the data hold {len(entries)}")
    return LookupTable(first=first, entries=entries[:num_entries], bits=bits)


def _entries(data: Any, num_entries: int, order: str) -> NDArray[np.uint16]:
    if isinstance(data, bytes):
        is_packed = len(data) < 2 * num_entries  # 8-bit entries, two to a word
        return np.frombuffer(data, np.uint8 if is_packed else np.dtype(f"{order}u2")).astype(np.uint16)
    values = [data] if isinstance(data, int) else list(data)
    return (np.asarray(values, dtype=np.int64) & 0xFFFF).astype(np.uint16)
