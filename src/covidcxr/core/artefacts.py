"""Artefacts on disk appear whole or not at all.

A writer fills a temporary sibling and renames it; a reader that finds the name finds all of it. What is inside an
artefact is not known here.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from covidcxr.core.errors import OutputError
from covidcxr.core.notice import NOTICE

_MAX_NAME_BYTES = 255  # of ext4, XFS, APFS and NTFS alike, near enough
_OS_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the command again",
    errno.EROFS: "the place is read-only; choose another with --out",
    errno.EACCES: "permission denied; choose another place with --out",
    errno.EPERM: "permission denied; choose another place with --out",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another place with --out",
}


def explain_os_error(error: OSError) -> str:
    """Return what the operating system found, and what to do next where that is known."""
    return _OS_REASONS.get(error.errno or 0, error.strerror or str(error))


def output_error(error: OSError, path: Path) -> OutputError:
    """Return the clear sentence for an operating-system error met while writing ``path``."""
    return OutputError(f"{path}: cannot be written: {explain_os_error(error)}")


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an `OutputError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield an empty temporary sibling of ``target``; rename it to ``target`` when the block ends well.

    An existing ``target`` is replaced only then. On any exception the temporary folder is removed and ``target``
    stays as it was. What a process that was killed left beside ``target`` is cleared first.

    Raises:
        OutputError: If the place cannot be written, or ``target`` is a file.
    """
    target = target.absolute()
    _refuse_file(target)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    retired = target.with_name(f".{target.name}.retired-{os.getpid()}")
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(target)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            if target.exists():
                target.rename(retired)
            partial.rename(target)
        except BaseException:
            if retired.exists() and not target.exists():
                retired.rename(target)
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(retired, ignore_errors=True)


def refuse_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that is an input, or a folder in which an input lies: writing it would destroy the input.

    Raises:
        OutputError: If so; the message names both.
    """
    place, is_file = out.resolve(), out.is_file()
    for path in inputs:
        resolved = path.resolve()
        same = place == resolved or (is_file and path.exists() and out.samefile(path))  # a hard link is the same file
        if same or resolved.is_relative_to(place):
            how = "is an input" if same else f"holds the input {path}"
            raise OutputError(f"{out}: {how}, which would be written over; choose another place with --out")


def claim_folder(out: Path, marker: str, inputs: Iterable[Path]) -> None:
    """Mark ``out`` as a folder for results of one command, into which a later run of it may write again.

    Raises:
        OutputError: If it holds files and no ``marker``, or an input, or cannot be written.
    """
    check_place(out, marker, "folder of an earlier run", inputs)
    write_text(out / marker, f"Results of covidcxr. {NOTICE}\n")


def refuse_foreign_file(out: Path, *, is_own: Callable[[Path], bool], what: str) -> None:
    """Refuse to replace a file that is there and that this program did not write.

    Args:
        out: The file to be.
        is_own: Whether an existing file is one that may be replaced.
        what: The kind, in words.

    Raises:
        OutputError: If it is not.
    """
    if out.is_dir() or (out.exists() and not is_own(out)):
        raise OutputError(f"{out}: is there and is no {what}; choose another place with --out, or remove it first")


def check_place(target: Path, marker: str, what: str, inputs: Iterable[Path] = ()) -> None:
    """Refuse a place whose content a later `atomic_directory` would lose.

    Args:
        target: The folder to be.
        marker: A file that an earlier artefact of the same kind has, which may be replaced.
        what: The kind, in words.
        inputs: What is read, none of which may be ``target`` or lie in it.

    Raises:
        OutputError: If ``target`` is a file, or a folder that holds files but no ``marker``, or an input.
    """
    refuse_inputs(target, inputs)
    with writing_to(target):
        if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
            raise OutputError(
                f"{target}: holds files, but no {what} that could be replaced; choose another folder with --out"
            )
    _refuse_file(target)


def _refuse_file(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(
            f"{target}: is a file; expected a folder, or nothing, to write to; choose another place with --out"
        )


def clear_leftovers(target: Path) -> None:
    """Remove what processes of this machine that are dead left of an `atomic_directory` at ``target``.

    Where one was killed between the two renames, so that there is no ``target``, the folder it had put aside comes
    back. A process that is alive keeps what is its own.
    """
    target = target.absolute()
    if not target.parent.is_dir():
        return
    for kind in ("retired", "partial"):
        prefix = f".{target.name}.{kind}-"
        for path in sorted(target.parent.glob(f".*.{kind}-*")):
            owner = path.name.removeprefix(prefix)
            if not path.name.startswith(prefix) or not owner.isdecimal() or _is_alive(int(owner)):
                continue
            if kind == "retired" and not target.exists():
                path.rename(target)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere, signal 0 is not a question
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary sibling path; rename it to ``target`` when the block ends well, remove it otherwise.

    The temporary path keeps the suffix of ``target``, which some writers look at.

    Raises:
        OutputError: If the place cannot be written.
    """
    partial = target.with_name(fitting_name(f".{target.stem}", f".partial-{os.getpid()}{target.suffix}"))
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``target``, atomically."""
    with atomic_file(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target``, atomically."""
    with atomic_file(target) as partial:
        partial.write_bytes(data)


def fitting_name(stem: str, suffix: str) -> str:
    """Return ``stem`` + ``suffix``, the stem cut and marked by its hash where the name would exceed 255 bytes."""
    room = _MAX_NAME_BYTES - len(os.fsencode(suffix))
    name = os.fsencode(stem)
    if len(name) <= room:
        return f"{stem}{suffix}"
    mark = "~" + hashlib.sha256(name).hexdigest()[:12]
    kept = name[: room - len(mark)].decode(errors="ignore")
    return f"{kept}{mark}{suffix}"


def free_name(stem: str, suffix: str, taken: set[str]) -> str:
    """Return ``stem`` + ``suffix``, or ``stem.2``, ``stem.3``, ..., the first not in ``taken``; add it there.

    A stem that is too long for a file name is cut (`fitting_name`).
    """
    name, number = fitting_name(stem, suffix), 2
    while name in taken:
        name, number = fitting_name(stem, f".{number}{suffix}"), number + 1
    taken.add(name)
    return name
