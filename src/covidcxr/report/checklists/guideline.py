"""A reporting guideline as a list of items, each naming the facts that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from covidcxr.outputs.checklist import Checklist, ChecklistItem
from covidcxr.report.checklists.fact import Fact
from covidcxr.report.checklists.statements import COPY, STATEMENTS


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        number: As the guideline numbers it.
        section: The guideline's section.
        asks: In our words.
        facts: Names of the facts that answer it, separated by blanks; empty if no artefact can.
        author: The author's statement (see `STATEMENTS`) without which facts are only a part of the answer; empty if
            no statement answers it.
        add: What has to be made where no fact answers it, and no statement can.
        whole: The facts alone are a whole answer, which the author's statement would replace.
    """

    number: str
    section: str
    asks: str
    facts: str = ""
    author: str = ""
    add: str = ""
    whole: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Guideline:
    """A guideline; ``name`` is the checklist's file name."""

    name: str
    title: str
    citation: str
    items: tuple[Item, ...]


def fill(guideline: Guideline, facts: Mapping[str, Fact], statements: Mapping[str, str]) -> Checklist:
    """Return the checklist of ``guideline`` with every item that ``facts`` and ``statements`` answer filled in."""
    return Checklist(
        name=guideline.name,
        title=guideline.title,
        citation=guideline.citation,
        items=tuple(_filled(item, facts, statements) for item in guideline.items),
    )


def _filled(item: Item, facts: Mapping[str, Fact], statements: Mapping[str, str]) -> ChecklistItem:
    found = [facts[name] for name in item.facts.split() if name in facts]
    missing = "" if found and item.whole else STATEMENTS.get(item.author, "" if found else item.add)
    if item.author in statements:
        stated = Fact(value=statements[item.author], source=f"evidence/{COPY}: {item.author}")
        found, missing = [stated] if item.whole else [*found, stated], ""
    return ChecklistItem(
        number=item.number,
        section=item.section,
        asks=item.asks,
        value=" ".join(entry.value for entry in found),
        sources=tuple(entry.source for entry in found),
        open_because=missing,
    )
