"""Duplicates of one image that are in two splits or under two labels, and how far copies were looked for.

What happens to them is decided elsewhere: `assemble` groups them and leaves images with two labels out, if the recipe
asks for it; a recipe that keeps a published composition has them named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from covidcxr.core.recipe import CopySearch, DatasetRecipe
from covidcxr.core.types import SPLITS, Manifest
from covidcxr.curation.candidates import Candidate, contradict, merged_label
from covidcxr.curation.duplicates import DuplicatePairs

_NAMED = 3  # pairs that a sentence names


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyPair:
    """Two images of one image.

    Attributes:
        id_a, id_b: In sorted order.
        label_a, label_b: The classes their sources give them, in the recipe's words; None if they name none.
        place_a, place_b: The split that each is in, or the rule that left it out.
        told_by: What tells that they are copies.
        score: Of the search, at most 1; 1 for equal bytes and pixels.
    """

    id_a: str
    id_b: str
    label_a: str | None
    label_b: str | None
    place_a: str
    place_b: str
    told_by: Literal["bytes", "pixels", "search"]
    score: float

    @property
    def crosses(self) -> bool:
        """Whether both are in the dataset, and in different splits."""
        return self.is_kept and self.place_a != self.place_b

    @property
    def conflicts(self) -> bool:
        """Whether they have labels that no image can have at once."""
        return self.label_a is not None and self.label_b is not None and contradict((self.label_a, self.label_b))

    @property
    def is_kept(self) -> bool:
        """Whether both are in the dataset."""
        return self.place_a in SPLITS and self.place_b in SPLITS

    def __str__(self) -> str:
        ends = ((self.id_a, self.place_a, self.label_a), (self.id_b, self.place_b, self.label_b))
        return " and ".join(f"{record_id} ({place}, {label})" for record_id, place, label in ends)


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyReport:
    """What is known of copies in a dataset.

    Attributes:
        search: How far near-duplicates were looked for, as `DatasetRecipe.near_duplicates` says.
        num_found: Pairs of copies that the search found; with ``report``, only those that are listed below.
        crossing: Copies in different splits.
        conflicting: Copies with different labels, in the dataset or left out.
    """

    search: CopySearch = "off"
    num_found: int = 0
    crossing: tuple[CopyPair, ...] = ()
    conflicting: tuple[CopyPair, ...] = ()

    @property
    def kept_conflicts(self) -> tuple[CopyPair, ...]:
        """Copies with different labels that are both in the dataset."""
        return tuple(pair for pair in self.conflicting if pair.is_kept)

    def findings(self) -> list[str]:
        """Return a plain sentence for each kind of copy that should not be in the dataset as it is."""
        listed = (
            (self.crossing, "of duplicates of one image in different splits"),
            (self.kept_conflicts, "of duplicates of one image under different labels"),
        )
        return [f"{_count(len(pairs))} {what}: {_named(pairs)}." for pairs, what in listed if pairs]

    def coverage(self) -> str:
        """Return a plain sentence on how far copies were looked for."""
        if self.search == "off":
            return (
                "Copies of images were told by equal bytes and equal pixels only; an edited copy may be in two splits."
            )
        if self.search == "report":
            return (
                "Edited copies were looked for only among images of nearly equal perceptual hash, and are reported, "
                f"not grouped or left out: {_count(len(self.crossing))} in different splits, "
                f"{_count(len(self.kept_conflicts))} under different labels."
            )
        return f"Edited copies were searched for: {_count(self.num_found)} of near-duplicates found, kept together."

    def disjoint(self) -> str:
        """Return a plain sentence on what is in one split only, no stronger than the search was."""
        if self.search == "group":
            return "No patient, and no group of near-duplicates of an image that were found, is in two splits."
        crossing = f"; in two splits: {_count(len(self.crossing))}" if self.crossing else ""
        how = "were searched for by perceptual hash only" if self.search == "report" else "were not searched for"
        return f"No patient, and no image of equal bytes or pixels, is in two splits. Edited copies {how}{crossing}."


def may_matter(
    candidates: Mapping[str, Candidate], manifest: Manifest, recipe: DatasetRecipe
) -> Callable[[str, str], bool]:
    """Return a function that tells if two record_ids, were they copies, would be in two splits or under two labels."""
    places = {sample.record.record_id: sample.split for sample in manifest.samples}
    labels = {name: merged_label(item.record, recipe) for name, item in candidates.items()}

    def matters(first: str, second: str) -> bool:
        known = {label for label in (labels[first], labels[second]) if label is not None}
        crossing = first in places and second in places and places[first] != places[second]
        return crossing or contradict(known)

    return matters


def report_copies(
    found: DuplicatePairs | None,
    candidates: Mapping[str, Candidate],
    manifest: Manifest,
    recipe: DatasetRecipe,
) -> CopyReport:
    """Return what is known of copies among the candidates; ``found`` is the search's result, None without one."""
    places = {item.record_id: item.rule for item in manifest.exclusions}
    places |= {sample.record.record_id: sample.split for sample in manifest.samples}
    told: dict[tuple[str, str], tuple[Literal["bytes", "pixels", "search"], float]] = {}
    for pair in found or ():
        told[pair.id_a, pair.id_b] = "search", round(pair.score, 4)
    for kind, first, second in _equal(candidates.values()):
        told[first, second] = kind, 1.0
    pairs = [
        CopyPair(
            id_a=first,
            id_b=second,
            label_a=merged_label(candidates[first].record, recipe),
            label_b=merged_label(candidates[second].record, recipe),
            place_a=places[first],
            place_b=places[second],
            told_by=told_by,
            score=score,
        )
        for (first, second), (told_by, score) in sorted(told.items())
    ]
    return CopyReport(
        search=recipe.near_duplicates,
        num_found=len(found or ()),
        crossing=tuple(pair for pair in pairs if pair.crosses),
        conflicting=tuple(pair for pair in pairs if pair.conflicts),
    )


def _equal(candidates: Iterable[Candidate]) -> Iterable[tuple[Literal["bytes", "pixels"], str, str]]:
    """Yield each candidate of a known class with the first of the same pixels or bytes, bytes last."""
    known = sorted(
        (item for item in candidates if item.record.label is not None and not item.facts.error),
        key=lambda item: item.record_id,
    )
    for kind in ("pixels", "bytes"):
        first_with: dict[str, str] = {}
        for item in known:
            digest = item.facts.image_sha256 if kind == "pixels" else item.facts.sha256
            first = first_with.setdefault(digest, item.record_id)
            if first != item.record_id:
                yield kind, first, item.record_id


def _count(number: int) -> str:
    return "1 pair" if number == 1 else f"{number} pairs"


def _named(pairs: tuple[CopyPair, ...]) -> str:
    more = f"; and {len(pairs) - _NAMED} more, see leaks.json" if len(pairs) > _NAMED else ""
    return "; ".join(str(pair) for pair in pairs[:_NAMED]) + more
