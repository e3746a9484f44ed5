"""A reporting checklist as Markdown: every item with its value and where that comes from, or honestly open.

Which items there are, and what fills them, comes from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from covidcxr.core.notice import NOTICE


@dataclass(frozen=True, kw_only=True, slots=True)
class ChecklistItem:
    """One item.

    Attributes:
        number: As the guideline numbers it ("12b").
        section: The guideline's section.
        asks: What the item asks for, in our words.
        value: The answer; empty if no artefact has one.
        sources: The artefacts it comes from, such as ``bundle.json: network``.
        open_because: What the author has to add, where ``value`` is empty or only a part of the answer.
    """

    number: str
    section: str
    asks: str
    value: str = ""
    sources: tuple[str, ...] = ()
    open_because: str = ""

    @property
    def filled(self) -> bool:
        """Whether an artefact answers it."""
        return bool(self.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checklist:
    """A guideline's items, in its order."""

    name: str
    title: str
    citation: str
    items: tuple[ChecklistItem, ...]

    @property
    def num_partial(self) -> int:
        """Items that an artefact answers in part, where the author has to add something."""
        return sum(item.filled and bool(item.open_because) for item in self.items)

    @property
    def num_filled(self) -> int:
        """Items that an artefact answers."""
        return sum(item.filled for item in self.items)


def checklist_markdown(checklist: Checklist, *, subject: str) -> str:
    """Return the Markdown text of ``checklist``, filled in for ``subject``."""
    open_items = [item for item in checklist.items if not item.filled]
    lines = [
        f"# {checklist.title}: {subject}",
        "",
        f"**{NOTICE}**",
        "",
        f"Filled in by covidcxr from the artefacts named in the last column: {checklist.num_filled} of "
        f"{len(checklist.items)} items, {checklist.num_partial} of them in part. An open item needs its author. "
        "The wording of the items is ours; the "
        f"guideline's counts: {checklist.citation}",
        "",
    ]
    section = ""
    for item in checklist.items:
        if item.section != section:
            section = item.section
            lines += [
                *([""] if lines[-1] else []),
                f"## {section}",
                "",
                "| item | asks for | answer | from |",
                "|---|---|---|---|",
            ]
        answer = item.value or "**open**"
        if item.open_because:
            answer += f" *To add: {item.open_because}*"
        lines.append(f"| {item.number} | {_cell(item.asks)} | {_cell(answer)} | {_cell(_sources(item.sources))} |")
    lines += ["", "## Open items", ""]
    lines += [f"- {item.number}: {item.asks}" for item in open_items] or ["- none"]
    return "\n".join(lines) + "\n"


def _sources(sources: Sequence[str]) -> str:
    return ", ".join(f"`{source}`" for source in dict.fromkeys(sources))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
