"""Registries: one new file adds one thing.

A registry belongs to a package; on first use it imports the package's direct children, each of which registers
what it defines with a decorator. It knows nothing about what is registered.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from covidcxr.core.errors import RegistryError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind, found by importing the direct children of one package.

    Example:
        >>> SOURCES: Registry[type] = Registry("source", "covidcxr.sources")  # doctest: +SKIP
        >>> @SOURCES.register("figure1")  # doctest: +SKIP
        ... class Figure1: ...
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under ``name``.

        Raises:
            RegistryError: If another object already has the name.
        """

        def add(entry: T) -> T:
            known = self._entries.get(name)
            if known is not None and known is not entry:
                raise RegistryError(
                    f"{self.kind} {name!r} is registered twice: by {known!r} and by {entry!r}; rename one of them"
                )
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str) -> T:
        """Return the entry called ``name``.

        Raises:
            RegistryError: If there is none; the message lists the known names and the nearest one.
        """
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RegistryError(f"unknown {self.kind} {name!r}{hint} (known: {', '.join(self.names())})") from None

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        self._load()
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield (name, entry) sorted by name."""
        for name in self.names():
            yield name, self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._package}.{module.name}")
