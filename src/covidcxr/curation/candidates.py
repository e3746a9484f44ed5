"""A record on its way into a dataset: its metadata, what its image showed, and the class it would have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from covidcxr.core.labels import APPEARANCES, COVID19, NOT_COVID19
from covidcxr.core.recipe import DatasetRecipe
from covidcxr.core.types import Record
from covidcxr.curation.image_work import ImageFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One image that may come into the dataset.

    Attributes:
        record: Its metadata; the path is relative to the sources' root.
        facts: What the image work found.
        label: The class it would have in this dataset; None if the recipe does not take it.
        image: The image that it shows: duplicates of one image have the same value.
        group_id: Patient joined with images; in one split only.
        copies: record_id and class of every readable image of its image, itself among them, whose source names a
            class, whether the recipe takes it or not; empty if it is the only one.
    """

    record: Record
    facts: ImageFacts
    label: str | None
    film: str
    group_id: str
    copies: tuple[tuple[str, str], ...] = ()

    @property
    def record_id(self) -> str:
        """The record's id."""
        return self.record.record_id


def dataset_label(record: Record, recipe: DatasetRecipe) -> str | None:
    """Return the class that the recipe gives to a record; None if it does not take it.

    ``take`` lists the record labels wanted from a source, and ``merge`` the record labels that make up a class.
    """
    if record.label is None or record.label not in recipe.take.get(record.source, ()):
        return None
    label = merged_label(record, recipe)
    return label if label in recipe.classes else None


def merged_label(record: Record, recipe: DatasetRecipe) -> str | None:
    """Return the class that a record's source gives it, in the recipe's words, whether the recipe takes it or not."""
    merged = {part: whole for whole, parts in recipe.merge.items() for part in parts}
    return None if record.label is None else merged.get(record.label, record.label)


def contradict(labels: Iterable[str]) -> bool:
    """Return whether no image can have all these classes.

    "Not COVID-19" leaves open which of the others it is. An appearance that the recipe maps to no diagnosis says
    nothing against a diagnosis: an image can be indeterminate and its patient have COVID-19.
    """
    different = set(labels)
    appearances = different.intersection(APPEARANCES)
    diagnoses = different - appearances
    if COVID19 not in diagnoses:
        diagnoses.discard(NOT_COVID19)
    return len(diagnoses) > 1 or len(appearances) > 1
