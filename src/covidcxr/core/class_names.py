"""Class names of a folder or table, read as the classes of whoever asks, with what a person says they mean.

Nothing is taken for another thing without a word: what was taken as what is kept, and two names that would become one
class without being told to are an error.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Hashable, Mapping, Sequence

from covidcxr.core.errors import DatasetError
from covidcxr.core.labels import find_label, is_part_of_class, is_plain_name, label_key


class ClassNames:
    """Reads names as one of ``classes``.

    Args:
        classes: What names may mean.
        class_map: Name to class as a person states it (``--map``): obeyed literally first, then without case and
            separators. None where no such option is at hand; then no message proposes it.

    Attributes:
        taken: Every name read so far that differs from its class in more than case and separators, to the class.

    Raises:
        DatasetError: If two classes differ in nothing but case and separators, or ``class_map`` maps to no class.
    """

    def __init__(self, classes: Sequence[str], class_map: Mapping[str, str] | None = None) -> None:
        self.classes = tuple(classes)
        self._is_mappable = class_map is not None
        self.taken: dict[str, str] = {}
        self._first: dict[Hashable, tuple[str, str]] = {}
        by_key: dict[str, str] = {}
        for label in self.classes:
            key = label_key(label) or label
            if by_key.setdefault(key, label) != label:
                raise DatasetError(
                    f"the classes {by_key[key]!r} and {label!r} differ in nothing but case and separators; rename one"
                )
        self._map = {name: self._target(name, ours) for name, ours in (class_map or {}).items()}

    def find(self, name: str, *, where: str = "--map") -> str | None:
        """Return the class that ``name`` means, or None.

        Raises:
            DatasetError: If two entries of the map that say different things fit alike; the message names both.
        """
        if name in self._map:
            return self._map[name]
        key = label_key(name)
        alike = {theirs: ours for theirs, ours in self._map.items() if key and label_key(theirs) == key}
        if len(set(alike.values())) > 1:
            raise DatasetError(
                f"{where}: {name!r} fits {' and '.join(f'--map {_pair(*entry)}' for entry in alike.items())} alike; "
                f"map {name!r} itself"
            )
        return next(iter(alike.values()), None) or find_label(name, self.classes)

    def read(self, name: str, *, where: str, beside: Hashable | None = None) -> str:
        """Return the class that ``name`` means and remember it.

        Args:
            name: As a folder or a cell writes it.
            where: The folder, or the file and its line.
            beside: For a folder: what it lies in, such as the part of a split. Two folders beside each other are two
                classes, unless the map says otherwise or they are parts of one ("Viral Pneumonia", "Bacterial
                Pneumonia"). The cells of a table may spell one class in several known ways.

        Raises:
            DatasetError: If it means none; the message names ``where`` and the classes, and proposes none of them. If
                another name would become one class with it; the message names both.
        """
        label = self.find(name, where=where)
        if label is None:
            raise DatasetError(
                f"{where}: class {name!r} is none of {', '.join(self.classes)}; rename it{self._or_map(name)}"
            )
        if not is_plain_name(name, label):
            self.taken[name] = label
        if name in self._map:
            return label
        self._check_alone(name, label, label_key(name), where, is_same=lambda other: _loose(other) == _loose(name))
        if beside is not None and not is_part_of_class(name):
            self._check_alone(name, label, (beside, label), where, is_same=lambda other: other == name)
        return label

    def _check_alone(
        self, name: str, label: str, slot: Hashable, where: str, *, is_same: Callable[[str], bool]
    ) -> None:
        first, place = self._first.setdefault(slot, (name, where))
        if not is_same(first):
            raise DatasetError(
                f"{place}: {first!r}, and {where}: {name!r}, would become one class, {label!r}; "
                f"rename one{self._or_map(first, name)}"
            )

    def _or_map(self, *names: str) -> str:
        if not self._is_mappable:
            return ""
        options = " ".join(f"--map {_pair(name, 'CLASS')}" for name in names)
        return f", or say which class {'it' if len(names) == 1 else 'each'} is with {options}"

    def _target(self, name: str, ours: str) -> str:
        label = find_label(ours, self.classes)
        if label is None:
            raise DatasetError(f"--map {name}={ours}: {ours!r} is none of the classes, {', '.join(self.classes)}")
        return label


def taken_sentence(taken: Mapping[str, str]) -> str:
    """Return such as "'No_findings' taken as Normal", one part per name; empty for none."""
    return ", ".join(f"{name!r} taken as {label}" for name, label in sorted(taken.items()))


def _pair(name: str, label: str) -> str:
    return shlex.quote(f"{name}={label}")


def _loose(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.casefold())
