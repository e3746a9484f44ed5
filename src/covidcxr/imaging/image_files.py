"""Which files below a folder are images: the one answer for every command, source and dataset.

The first bytes decide, whatever a file is called. A file that only its name calls an image is taken too, so that the
reader says what is wrong with it. Links to folders are followed, each folder once; whatever is passed over is told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from covidcxr.core.left_out import LeftOut, Tell
from covidcxr.imaging.formats import HEAD_BYTES, FileFormat, describe_unknown, sniff

Parts = tuple[str, ...]
"""The names from the folder that is walked down to one below it."""

_CLAIMS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".webp"),
    *(".dcm", ".dicom", ".ima", ".nii", ".nii.gz", ".jp2", ".j2k", ".heic", ".heif", ".avif", ".jxl"),
)
_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", ".ds_store"})  # of no user's making: not told
_DICOMDIR = b"1.2.840.10008.1.3.10"  # Media Storage Directory Storage, PS3.4 B.5


def why_no_image(path: Path) -> LeftOut | None:
    """Return why a file is no image, or None if it is one, is called one, or cannot be opened to look."""
    if not path.is_file():  # opening a pipe would wait for ever
        return LeftOut(path=str(path), rule="not-a-file", detail="a pipe, a socket or a device")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return None  # its result will say why it cannot be opened
    file_format = sniff(head)
    if path.name.casefold() == "dicomdir" or (file_format is FileFormat.DICOM and _DICOMDIR in head):
        return LeftOut(path=str(path), rule="dicomdir", detail="the index of a DICOM medium")
    if file_format is not None or path.name.casefold().endswith(_CLAIMS):
        return None
    return LeftOut(path=str(path), rule="not-an-image", detail=describe_unknown(head)[1])


def walk_images(top: Path, *, tell: Tell, realm: Callable[[Parts], Parts] = lambda _: ()) -> Iterator[Path]:
    """Yield every image below ``top``, sorted by name within each folder, files before folders; lazily.

    A link to a folder is followed unless it leads back into itself or to a folder that is read anyway. "Anyway" is
    asked within a realm, the first parts of a path as ``realm`` tells them: a folder that two classes link to is read
    for both.

    Args:
        top: A folder.
        tell: Hears of every file and folder that is passed over.
        realm: The parts that bound a realm; all of ``top`` is one by default.
    """
    yield from _Walk(top=top, tell=tell, realm=realm).images()


@dataclass(kw_only=True)
class _Walk:
    top: Path
    tell: Tell
    realm: Callable[[Parts], Parts]
    _seen: set[tuple[Parts, str]] = field(default_factory=set)

    def images(self) -> Iterator[Path]:
        yield from self._folder(self.top, (), (os.path.realpath(self.top),))

    def _folder(self, folder: Path, parts: Parts, chain: tuple[str, ...]) -> Iterator[Path]:
        """Yield the images of one folder; ``chain`` are the real paths from the top down to it."""
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._leave(folder, "unreadable-folder", f"cannot be listed: {error.strerror or error}")
            return
        folders = []
        for entry in listed:
            if entry.name.casefold() in _SYSTEM_NAMES or entry.name.startswith("._"):
                continue
            path = folder / entry.name
            if entry.name.startswith("."):
                self._leave(path, "hidden", "its name begins with a dot")
            elif _is_folder(entry):
                folders.append(entry)
            elif self._is_taken(entry, path):
                yield path
        for entry in folders:
            path, inner = folder / entry.name, (*parts, entry.name)
            real = os.path.realpath(path) if entry.is_symlink() else os.path.join(chain[-1], entry.name)  # noqa: PTH118
            if self._is_entered(path, inner, real, chain, is_link=entry.is_symlink()):
                yield from self._folder(path, inner, (*chain, real))

    def _is_taken(self, entry: os.DirEntry[str], path: Path) -> bool:
        if entry.is_symlink() and not path.exists():
            self._leave(path, "link-broken", "a link to nothing")
            return False
        reason = why_no_image(path)
        if reason is not None:
            self.tell(reason)
        return reason is None

    def _is_entered(self, path: Path, parts: Parts, real: str, chain: tuple[str, ...], *, is_link: bool) -> bool:
        realm = self.realm(parts)
        if real in chain:
            self._leave(path, "link-cycle", "a link that leads back to a folder that it lies in")
        elif (realm, real) in self._seen or (is_link and self._is_read_anyway(real, realm, parts)):
            self._leave(path, "link-again", f"a link to {real}, which is read by another name")
        else:
            self._seen.add((realm, real))
            return True
        return False

    def _is_read_anyway(self, real: str, realm: Parts, parts: Parts) -> bool:
        """Tell whether a link leads to a folder that its realm holds itself and does not hide."""
        if realm == parts:  # the realm itself is the link
            return False
        home = Path(os.path.realpath(self.top.joinpath(*realm)))
        target = Path(real)
        return target.is_relative_to(home) and not any(
            part.startswith(".") or part.casefold() in _SYSTEM_NAMES for part in target.relative_to(home).parts
        )

    def _leave(self, path: Path, rule: str, detail: str) -> None:
        self.tell(LeftOut(path=str(path), rule=rule, detail=detail))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or one through a folder that may not be entered
        return False
