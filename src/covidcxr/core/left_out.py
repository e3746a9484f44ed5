"""What a command passed over although it lay where it looked: gathered, counted in a sentence, listed in full on disk.

Who looks decides what is left out; nothing is left out without an entry here.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.artefacts import refuse_foreign_file, write_text
from covidcxr.core.outside_text import cells

LEFT_OUT_FILE = "left-out.csv"
_COLUMNS = ("path", "rule", "detail")


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """One file, folder or row that was passed over.

    Attributes:
        path: Of the file or folder, as messages call it.
        rule: Short stable name, such as ``not-an-image`` or ``link-cycle``.
        detail: What was seen, in words.
    """

    path: str
    rule: str
    detail: str


Tell = Callable[[LeftOut], None]
"""Who hears of everything that is left out."""


def ignore(item: LeftOut) -> None:
    """Hear of what is left out and forget it; for callers that only ask whether there is any image."""
    del item


def count_left_out(items: Iterable[LeftOut]) -> dict[str, int]:
    """Return rule to number, sorted by rule."""
    return dict(sorted(Counter(item.rule for item in items).items()))


def left_out_sentence(items: Iterable[LeftOut]) -> str:
    """Return such as "3 left out: 2 not-an-image (2 a text file), 1 link-cycle", or an empty text for none."""
    kinds: dict[str, Counter[str]] = {}
    for item in items:
        kinds.setdefault(item.rule, Counter())[item.detail] += 1
    parts = [f"{counts.total()} {rule} ({_most(counts)})" for rule, counts in sorted(kinds.items())]
    total = sum(counts.total() for counts in kinds.values())
    return f"{total} left out: {', '.join(parts)}" if total else ""


def write_left_out(path: Path, items: Sequence[LeftOut]) -> None:
    """Write one row for each item: path, rule, detail; without any, remove the list of an earlier run.

    Raises:
        OutputError: If the place cannot be written, or holds a file that is no such list.
    """
    refuse_foreign_file(path, is_own=_is_own, what="list of what was left out")
    if not items:
        path.unlink(missing_ok=True)
        return
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(cells((item.path, item.rule, item.detail)) for item in items)
    write_text(path, stream.getvalue())


def _is_own(path: Path) -> bool:
    header = ",".join(_COLUMNS).encode()
    with path.open("rb") as stream:
        return stream.read(len(header)) == header


def _most(counts: Counter[str], limit: int = 2) -> str:
    shown = "; ".join(detail for detail, _ in counts.most_common(limit))
    return shown + ("; ..." if len(counts) > limit else "")
