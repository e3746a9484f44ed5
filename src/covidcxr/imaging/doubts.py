"""What the reader had to assume of gray values, or saw broken, summed up over many images.

One image's warnings stay with it (`Radiograph.warnings`); which of them are doubts is known by how they begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

# What a warning begins with, before a colon, that puts the gray values themselves in doubt; the gate warns of it too.
DOUBTS = ("gray-values", "header", "damaged")
_MAX_EXAMPLES = 3


def is_doubt(warning: str) -> bool:
    """Tell if a warning puts the gray values in doubt."""
    return warning.partition(":")[0] in DOUBTS


def doubt_sentences(warnings: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return one sentence per kind of doubt: in how many images, and the commonest wordings.

    Args:
        warnings: Of each image, as in `Radiograph.warnings`; those that are no doubts are passed over.
    """
    images: Counter[str] = Counter()
    details: dict[str, Counter[str]] = {name: Counter() for name in DOUBTS}
    for of_image in warnings:
        doubts = [one.partition(": ")[::2] for one in dict.fromkeys(of_image) if is_doubt(one)]
        images.update({name for name, _ in doubts})
        for name, detail in doubts:
            details[name][detail] += 1
    sentences = []
    for name in DOUBTS:
        if images[name]:
            common = details[name].most_common(_MAX_EXAMPLES)
            examples = "; ".join(f"{number} x {detail}" for detail, number in common)
            others = len(details[name]) - len(common)
            more = f"; and {others} other wordings" if others else ""
            sentences.append(f"{images[name]} images were read with a warning ({name}): {examples}{more}.")
    return tuple(sentences)
