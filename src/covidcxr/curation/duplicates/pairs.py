"""The pairs of copies that were found, and what was seen of each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.artefacts import atomic_file
from covidcxr.curation.duplicates.confirm import Affine

COLUMNS = ("id_a", "id_b", "score", "correlation", "num_inliers", "num_votes", "hash_distance", "mirrored", "transform")


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatePair:
    """Two images that show one image.

    Attributes:
        id_a, id_b: In sorted order.
        hash_distance: Bits of the 64-bit perceptual hashes that differ (of the mirror image, if ``mirrored``).
        num_votes: Local words shared at one angle and scale; 0 if only the hashes brought the pair up.
        num_inliers: Keypoints that agree on one affine map.
        correlation: Of band-passed pixels over the whole overlap after alignment.
        score: Lower quartile of that correlation in small windows, at most 1; the decision rests on it.
        mirrored: True if one is the mirror image of the other.
        transform: Affine map from a (mirrored first, if so) to b, in units of the image's width and height.
    """

    id_a: str
    id_b: str
    hash_distance: int
    num_votes: int
    num_inliers: int
    correlation: float
    score: float
    mirrored: bool
    transform: Affine


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatePairs:
    """The result of a search.

    Attributes:
        pairs: Copies, best score first.
        similar: Images that agree in much but not in enough, best first: mostly one patient on two days. Not copies;
            listed so that a person can look at them.
        num_images: Images that were compared.
        num_candidates: Pairs that were looked at closely.
    """

    pairs: tuple[DuplicatePair, ...]
    similar: tuple[DuplicatePair, ...]
    num_images: int
    num_candidates: int

    def __iter__(self) -> Iterator[DuplicatePair]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def id_pairs(self) -> list[tuple[str, str]]:
        """Return (id_a, id_b) of every pair of copies, sorted."""
        return sorted((pair.id_a, pair.id_b) for pair in self.pairs)


def write_pairs(path: Path, found: DuplicatePairs, *, looked_at: Mapping[tuple[str, str], str] | None = None) -> None:
    """Write copies and similar images as CSV, best score first; the column ``copy`` tells which is which.

    ``looked_at`` is (id_a, id_b) to what a person saw; given, it is a column, empty for pairs not yet looked at.

    Raises:
        OutputError: If ``path`` cannot be written.
    """
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("copy", *(() if looked_at is None else ("looked_at",)), *COLUMNS))
        for is_copy, pairs in (("yes", found.pairs), ("no", found.similar)):
            for pair in pairs:
                seen = () if looked_at is None else (looked_at.get((pair.id_a, pair.id_b), ""),)
                writer.writerow((is_copy, *seen, *(_cell(getattr(pair, column)) for column in COLUMNS)))


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4f}"
        case tuple():
            return " ".join(f"{number:.5f}" for row in value for number in row)
    return str(value)
