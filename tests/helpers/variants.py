"""One image in many DICOM encodings, all of which must mean the same pixels."""

from __future__ import annotations

import itertools

import numpy as np
from pydicom.dataset import Dataset

import films

FILM = films.film()


def window(bits: int, *, signed: bool = False) -> dict[str, object]:
    """The window that spans the whole range of ``bits`` bits (PS3.3 C.11.2.1.2, LINEAR)."""
    return {"WindowCenter": 0 if signed else 1 << (bits - 1), "WindowWidth": 1 << bits}


def lut(entries: np.ndarray, *, first: int = 0, bits: int = 16) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def palette(bits: int, order: str = "<") -> dict[str, object]:
    entries = (np.arange(1 << bits, dtype=np.uint32) * 65535 // ((1 << bits) - 1)).astype(f"{order}u2").tobytes()
    named: dict[str, object] = {}
    for colour in ("Red", "Green", "Blue"):
        named[f"{colour}PaletteColorLookupTableDescriptor"] = [(1 << bits) % 65536, 0, 16]
        named[f"{colour}PaletteColorLookupTableData"] = entries
    return named


def gray_variants() -> list[tuple[str, bytes]]:
    made = []
    for photometric, bits, syntax in itertools.product(
        ("MONOCHROME1", "MONOCHROME2"), (8, 10, 12, 14, 15, 16), films.SYNTAXES
    ):
        levels = 255 - FILM if photometric == "MONOCHROME1" else FILM
        data = films.dicom(
            films.scaled(levels, bits),
            bits=bits,
            photometric=photometric,
            syntax=films.SYNTAXES[syntax],
            attributes=window(bits),
        )
        made.append((f"{photometric} {bits} {syntax}", data))
    for bits, syntax in itertools.product((12, 16), films.NATIVE):
        stored = films.scaled(FILM, bits, signed=True)
        data = films.dicom(
            stored, bits=bits, signed=True, syntax=films.NATIVE[syntax], attributes=window(bits, signed=True)
        )
        made.append((f"MONOCHROME2 signed {bits} {syntax}", data))
    return made


def colour_variants() -> list[tuple[str, bytes]]:
    made = []
    for bits, syntax in itertools.product(
        (8, 16), ("implicit", "explicit", "big-endian", "deflated", "rle", "jpeg2000")
    ):
        stored = np.repeat(films.scaled(FILM, bits)[..., np.newaxis], 3, axis=2)
        made.append(
            (f"RGB {bits} {syntax}", films.dicom(stored, bits=bits, photometric="RGB", syntax=films.SYNTAXES[syntax]))
        )
    planar = np.repeat(FILM[np.newaxis].astype(np.int64), 3, axis=0).reshape(*FILM.shape, 3)
    data = films.dicom(planar, photometric="RGB", attributes={"PlanarConfiguration": 1})
    made.append(("RGB 8 planes", data))
    ybr = np.stack([FILM, np.full_like(FILM, 128), np.full_like(FILM, 128)], axis=2).astype(np.int64)
    made.append(("YBR_FULL 8 explicit", films.dicom(ybr, photometric="YBR_FULL")))
    for bits, syntax in itertools.product((8, 12), ("implicit", "explicit", "big-endian", "rle")):
        data = films.dicom(
            films.scaled(FILM, bits),
            bits=bits,
            photometric="PALETTE COLOR",
            syntax=films.SYNTAXES[syntax],
            attributes=palette(bits, ">" if syntax == "big-endian" else "<"),
        )
        made.append((f"PALETTE {bits} {syntax}", data))
    return made
