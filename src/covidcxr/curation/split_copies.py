"""What a dataset's own leak report says of duplicates between the judged images and its other splits.

How they are found is known to `copy_report`; what a report makes of them, to `covidcxr.evaluation.data_rules`.
"""

from __future__ import annotations

from collections.abc import Collection

from covidcxr.curation.copy_report import CopyPair
from covidcxr.curation.leak_file import LEAKS_FILE, read_leaks
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.evidence import NO_SPLIT_COPIES, SplitCopies


def split_copies(dataset: Dataset, record_ids: Collection[str]) -> SplitCopies:
    """Return the duplicates of the images ``record_ids`` in other splits of ``dataset``, as its leaks.json lists them.

    A dataset without that file, or with one of another release, tells of none.
    """
    report = read_leaks(dataset.root / LEAKS_FILE) if dataset.compiled else None
    if report is None:
        return NO_SPLIT_COPIES
    judged = set(record_ids)
    pairs = [pair for pair in report.copies.crossing if (pair.id_a in judged) != (pair.id_b in judged)]
    conflicting = [pair for pair in pairs if pair.conflicts]
    return SplitCopies(
        images=_judged(pairs, judged), conflicting=_judged(conflicting, judged), pairs=tuple(map(str, pairs))
    )


def _judged(pairs: Collection[CopyPair], judged: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({name for pair in pairs for name in (pair.id_a, pair.id_b) if name in judged}))
