"""The names in a recipe that compiling must understand before it reads an image: labels, classes, strategies.

Labels are matched as everywhere, without case or punctuation (`covidcxr.core.labels`); classes keep the words of the
recipe. What is unknown, or could only give an empty class, is an error here and not a useless dataset later.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from covidcxr.core.errors import RecipeError
from covidcxr.core.labels import APPEARANCES, LABELS, find_label
from covidcxr.core.recipe import DatasetRecipe, Recipe
from covidcxr.curation.balances import BALANCES
from covidcxr.curation.rules import RULES
from covidcxr.curation.splits import SPLIT_STRATEGIES

_KNOWN = (*LABELS, *APPEARANCES)


def check_names(recipe: Recipe) -> Recipe:
    """Return ``recipe`` with every label written as sources write it, and ``merge`` for classes named otherwise.

    Raises:
        RecipeError: If a label or class is unknown, a label makes up two classes, a class is made of nothing that is
            taken, or a strategy lacks an option.
        RegistryError: If a rule or strategy is unknown.
    """
    asked = recipe.dataset
    for rule in asked.rules:
        RULES.get(rule)
    SPLIT_STRATEGIES.get(asked.split.strategy)
    for balance in asked.balance:  # given no image, it only looks at its options
        BALANCES.get(balance.strategy)((), balance, np.random.default_rng(0))
    take = {source: _labels(names, f"dataset.take.{source}") for source, names in asked.take.items()}
    merge = _merge(asked)
    _check_reached(asked.classes, take, merge)
    split = asked.split.model_copy(update={"test_images": _test_images(asked)})
    dataset = asked.model_copy(update={"take": take, "merge": merge, "split": split})
    return recipe.model_copy(update={"dataset": dataset})


def _labels(names: Iterable[str], where: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_label(name, where) for name in names))


def _label(name: str, where: str) -> str:
    label = find_label(name, _KNOWN)
    if label is None:
        raise _unknown("label", name, _KNOWN, where)
    return label


def _class(name: str, classes: Sequence[str]) -> str | None:
    """Return the class that ``name`` means, whichever of the two is written as an alias."""
    meant = find_label(name, _KNOWN)
    same_label = (known for known in classes if meant is not None and find_label(known, _KNOWN) == meant)
    return find_label(name, classes) or next(same_label, None)


def _merge(recipe: DatasetRecipe) -> dict[str, tuple[str, ...]]:
    merge: dict[str, tuple[str, ...]] = {}
    for whole, parts in recipe.merge.items():
        name = _class(whole, recipe.classes)
        if name is None:
            raise _unknown("class", whole, recipe.classes, "dataset.merge")
        merge[name] = _labels(parts, f"dataset.merge.{whole}")
    for name in recipe.classes:
        label = find_label(name, _KNOWN)
        if name in merge or label == name:
            continue
        if label is None:
            raise _unknown("class", name, _KNOWN, "dataset.classes", hint="; or make it of them in dataset.merge")
        merge[name] = (label,)
    parts_seen: dict[str, str] = {}
    for name, parts in merge.items():
        for part in parts:
            if parts_seen.setdefault(part, name) != name:
                raise RecipeError(f"dataset.merge: label {part!r} makes up both {parts_seen[part]!r} and {name!r}")
    return merge


def _check_reached(
    classes: Sequence[str], take: Mapping[str, Sequence[str]], merge: Mapping[str, Sequence[str]]
) -> None:
    class_of = {part: name for name, parts in merge.items() for part in parts}
    reached = {class_of.get(label, label) for labels in take.values() for label in labels}
    for name in classes:
        if name not in reached:
            made_of = f" (made of {' and '.join(merge[name])})" if name in merge else ""
            raise RecipeError(
                f"dataset.classes: no source in dataset.take gives class {name!r}{made_of}; "
                "take it from a source, or leave it out of dataset.classes"
            )


def _test_images(recipe: DatasetRecipe) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in recipe.split.test_images.items():
        known = _class(name, recipe.classes) or find_label(name, _KNOWN)  # a class that is not asked for does no harm
        if known is None:
            raise _unknown("class", name, recipe.classes, "dataset.split.test_images")
        if known in found:
            raise RecipeError(f"dataset.split.test_images names class {known!r} twice, once as {name!r}")
        found[known] = number
    return found


def _unknown(kind: str, name: str, known: Sequence[str], where: str, *, hint: str = "") -> RecipeError:
    by_fold = {entry.casefold(): entry for entry in known}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    guess = f"; did you mean {by_fold[near[0]]!r}?" if near else ""
    return RecipeError(f"{where}: unknown {kind} {name!r}{guess} (known: {', '.join(known)}){hint}")
