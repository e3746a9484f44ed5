"""What decoders written in C say of a file on the process's stderr: caught, so that it becomes an error or a warning.

libtiff, OpenJPEG, and the libjpeg inside GDCM have no other way to tell of damage. The stream belongs to the process,
so decoders take turns; those concerned keep the interpreter's lock while they decode, and lose nothing by it. Lines
that no decoder writes are passed on.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_DECODER_LINE = re.compile(
    rb"^(?:Corrupt JPEG|Premature end|Invalid |Unsupported |Unknown |Warning: |Error: |Warning, |Failed |Not enough |"
    rb"Inconsistent |Application transferred|Bogus |Huffman|Quantization|Arithmetic|Marker |Stream |Tile|"
    rb"\w*TIFF\w*: |\w+Decode\w*: |JPEGLib: |tempfile\.tif: |libpng |\[ ?(?:WARN|ERROR)|opj_|Cannot |Could not |"
    rb"MissingRequired|Error reading|A marker |Expected |No |Missing |"
    rb"SOD |SOT |QCD |COD |psot |.{0,80}(?:codestream|code-block|codeblock|tile.part|packet|progression|resolution))"
)
# GDCM tries its libjpeg of 8 bits first, whose complaint of a stream of 12 or 16 bits means nothing.
_HARMLESS = re.compile(
    r"Unknown field|Warning, |unknown JFIF|libpng warning|JPEG data precision|Invalid SOS parameters"
)
_LOCK = threading.RLock()


@dataclass(slots=True)
class Noise:
    """Lines that decoders wrote, once the context has ended."""

    lines: list[str] = field(default_factory=list)

    @property
    def complaint(self) -> str:
        """The first line that tells of damage; empty if none does."""
        return next((line for line in self.lines if not _HARMLESS.search(line)), "")


@contextmanager
def caught_noise() -> Iterator[Noise]:
    """Catch what decoders write to file descriptor 2; the lines are there when the context has ended."""
    noise = Noise()
    with _LOCK:
        try:
            outside = os.dup(2)
        except OSError:  # no stderr, so nobody to shield from it
            yield noise
            return
        with tempfile.TemporaryFile() as caught:
            os.dup2(caught.fileno(), 2)
            try:
                yield noise
            finally:
                os.dup2(outside, 2)
                caught.seek(0)
                others = b""
                for line in caught.read().splitlines(keepends=True):
                    if _DECODER_LINE.match(line):
                        noise.lines.append(line.decode(errors="replace").strip()[:200])
                    else:
                        others += line
                with suppress(OSError):
                    os.write(outside, others)
                os.close(outside)
