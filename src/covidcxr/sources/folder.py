"""The image files below a source's folder: listed once, never outside it, whatever names and links it holds.

A link that leads out of the folder is refused; a hidden file (``.DS_Store``, ``._name``) is not an image.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from covidcxr.core.errors import SourceError
from covidcxr.core.left_out import LeftOut
from covidcxr.imaging.image_files import why_no_image

LINK_OUTSIDE = "link-outside"
_NOT_IMAGES = {"thumbs.db", "desktop.ini"}


class ImageFolder:
    """Files below ``folder``, by their path relative to it (forward slashes).

    Attributes:
        folder: Absolute and resolved.
        names: Relative paths of the files, sorted.
        refused: What was passed over, by its relative path: symbolic links that lead out of the folder or to a folder
            (``link-outside``) and, where only images are asked for, files that hold none.
    """

    def __init__(
        self,
        folder: Path,
        inside: Iterable[str] = (".",),
        *,
        suffixes: frozenset[str] | None = None,
        only_images: bool = False,
    ) -> None:
        """List the files below those subfolders ``inside`` that exist.

        Args:
            folder: The source's folder.
            inside: Folders below it.
            suffixes: Only files with one of these, for a release that has one kind of image file.
            only_images: Only files that hold an image, whatever they are called; the others are in ``refused``.

        Raises:
            SourceError: If a subfolder cannot be listed.
        """
        self.folder = folder.resolve()
        self._suffixes, self._only_images = suffixes, only_images
        self.refused: dict[str, LeftOut] = {}
        names: list[str] = []
        for part in inside:
            names += self._list(self.folder / part)
        self.names = sorted(names)
        self._known = set(self.names)
        self._count = Counter(_bare(name).casefold() for name in [*self.names, *self.refused])
        self._caseless: dict[str, str] = {}
        for name in self.names:
            self._caseless.setdefault(name.casefold(), name)

    def find(self, path: str) -> str | None:
        """Return the name of the file at ``path``, exactly or else without case; None if there is none."""
        return path if path in self._known else self._caseless.get(path.casefold())

    def path(self, name: str) -> Path:
        """Return the absolute path of a listed file."""
        return self.folder / name

    def key(self, name: str) -> str:
        """Return the bare file name of ``name``, or ``name`` itself where another file is called the same."""
        bare = _bare(name)
        return bare if self._count[bare.casefold()] == 1 else name

    def _list(self, top: Path) -> list[str]:
        names: list[str] = []
        if not top.exists():
            return names
        if not self._inside(top):
            self._refuse(top.relative_to(self.folder).as_posix(), f"a link to {top.resolve()}, outside the source")
            return names
        for where, folders, files in os.walk(top, onerror=_cannot_list):
            here = Path(where)
            inner = here.relative_to(self.folder).as_posix()
            prefix = "" if inner == "." else f"{inner}/"
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
            for name in [name for name in folders if (here / name).is_symlink()]:
                self._refuse(prefix + name, "a link to a folder; put the folder itself there")
            for name in files:
                if name.startswith(".") or name.casefold() in _NOT_IMAGES:
                    continue
                if self._suffixes is not None and not _has_suffix(name, self._suffixes):
                    continue
                # a Path for each of an archive's 112,120 files would take most of the time
                if os.path.islink(f"{where}/{name}") and not self._inside(here / name):  # noqa: PTH114
                    target = (here / name).resolve()
                    self._refuse(prefix + name, f"a link to {target}, outside the source; copy the file there")
                elif self._only_images and (reason := why_no_image(here / name)) is not None:
                    self._refuse(prefix + name, reason.detail, rule=reason.rule)
                else:
                    names.append(prefix + name)
        return names

    def _refuse(self, name: str, detail: str, rule: str = LINK_OUTSIDE) -> None:
        self.refused[name] = LeftOut(path=name, rule=rule, detail=detail)

    def _inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.folder)


def claimed_path(claimed: str) -> tuple[str, str]:
    """Return (clean relative path with forward slashes, fault); the fault is empty unless the path leads elsewhere.

    A metadata table is data from others: a row may not make the program read a file outside the source's folder.
    """
    text = claimed.strip()
    if "\0" in text:
        return "", "its file name holds a NUL character; refused"
    if text.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", text):
        return "", f"claims {text!r}, an absolute path; refused"
    parts = [part for part in text.replace("\\", "/").split("/") if part not in {"", "."}]
    if ".." in parts:
        return "", f"claims {text!r}, which leads out of the source's folder; refused"
    return "/".join(parts), ""


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _has_suffix(name: str, suffixes: frozenset[str]) -> bool:
    lower = name.casefold()
    return any(lower.endswith(suffix) for suffix in suffixes)


def _cannot_list(error: OSError) -> None:
    raise SourceError(
        f"{error.filename}: cannot be listed: {error.strerror}; check that the folder is there and readable"
    )
