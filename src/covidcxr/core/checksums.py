"""``SHA256SUMS``: written and read in the format of ``sha256sum --check``, in one place for every artefact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from covidcxr.core.artefacts import write_text
from covidcxr.core.digests import file_sha256

SUMS_FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def checksum_lines(digests: Mapping[str, str]) -> str:
    """Return the text of a checksum file for file names (forward slashes) and their hexadecimal SHA-256."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write `SUMS_FILE` over the files ``names`` of ``folder``, sorted by name."""
    write_text(folder / SUMS_FILE, checksum_lines({name: file_sha256(folder / name) for name in sorted(names)}))


def parse_checksums(text: str) -> dict[str, str]:
    """Return file name to hexadecimal SHA-256; empty lines are skipped.

    Raises:
        ValueError: At the first line of another form; the message holds the line.
    """
    digests = {}
    for line in text.splitlines():
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"cannot understand the line {line!r}; expected '<sha256>  <file name>'")
        digests[match[2]] = match[1]
    return digests
