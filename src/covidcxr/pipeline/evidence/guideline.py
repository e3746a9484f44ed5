"""A reporting guideline as a list of items, each naming the facts that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from covidcxr.outputs.checklist import Checklist, ChecklistItem
from covidcxr.pipeline.evidence.fact import Fact


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        number: As the guideline numbers it.
        section: The guideline's section.
        asks: In our words.
        facts: Names of the facts that answer it, separated by blanks; empty if no artefact can.
        add: What the author has to add where no fact answers it, or where the facts are only a part.
    """

    number: str
    section: str
    asks: str
    facts: str = ""
    add: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guideline:
    """A guideline; ``name`` is the checklist's file name."""

    name: str
    title: str
    citation: str
    items: tuple[Item, ...]


def fill(guideline: Guideline, facts: Mapping[str, Fact]) -> Checklist:
    """Return the checklist of ``guideline`` with every item that ``facts`` answer filled in."""
    return Checklist(
        name=guideline.name,
        title=guideline.title,
        citation=guideline.citation,
        items=tuple(_filled(item, facts) for item in guideline.items),
    )


def _filled(item: Item, facts: Mapping[str, Fact]) -> ChecklistItem:
    found = [facts[name] for name in item.facts.split() if name in facts]
    return ChecklistItem(
        number=item.number,
        section=item.section,
        asks=item.asks,
        value=" ".join(entry.value for entry in found),
        sources=tuple(entry.source for entry in found),
        open_because=item.add,
    )
