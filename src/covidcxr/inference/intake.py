"""What one look at each DICOM header decides before anything is decoded: which images, how many frames, what names.

Names are pseudonyms where there is a key: a hash that only its holder can trace back, of the image's SOPInstanceUID, so
that one image has one name whatever its file is called and wherever it is fetched from, or of a plain file's resolved
path. Which inputs there are is found in `covidcxr.inference.inputs`.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from covidcxr.core.types import View
from covidcxr.core.values import read_patient
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import RemoteFilm

if TYPE_CHECKING:
    from covidcxr.imaging.dicom.facts import DicomFacts

_DIGITS = 20
_MAX_FRAMES = 1000  # an image of more is no radiograph, or a header that lies


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderFilter:
    """Which images to take, by what their DICOM headers say; an empty condition takes all.

    An image whose header does not say what is asked for, or that has no header, is not taken.

    Attributes:
        modalities: Such as CR, DX.
        views: Projections.
        since, until: First and last day, both included.
    """

    modalities: frozenset[str] = frozenset()
    views: frozenset[View] = frozenset()
    since: date | None = None
    until: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it takes everything."""
        return self == HeaderFilter()

    def takes(self, facts: DicomFacts | None) -> bool:
        """Tell whether an image with these facts is taken."""
        if facts is None or ((self.since or self.until) and facts.taken is None):
            return self.is_empty
        taken = facts.taken or date.min
        return (
            (not self.modalities or facts.modality in self.modalities)
            and (not self.views or facts.view in self.views)
            and (self.since is None or taken >= self.since)
            and (self.until is None or taken <= self.until)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What results call images and patients.

    Attributes:
        key: Of the pseudonyms; None keeps the names of the inputs.
        only_remote: Keep the names of files, which the caller typed, and make pseudonyms of an archive's images only.
        with_patients: Without a key: name patients by their PatientID, which is left out otherwise.
    """

    key: bytes | None = field(default=None, repr=False)
    only_remote: bool = False
    with_patients: bool = False

    def named(self, item: Item, facts: DicomFacts | None) -> Item:
        """Return the item under its name, with its patient's."""
        remote = item.source if isinstance(item.source, RemoteFilm) else None
        patient = (facts.patient_id if facts else "") or (read_patient(remote.patient_id) or "" if remote else "")
        if self.key is None or (self.only_remote and remote is None):
            return replace(item, patient=patient) if self.with_patients else item
        uid = remote.instance if remote else facts.sop_instance_uid if facts else ""
        if uid:
            name = pseudonym(self.key, f"instance:{uid}")
        elif isinstance(item.source, str | Path):
            name = pseudonym(self.key, f"file:{os.path.realpath(item.source)}")
        else:
            name = pseudonym(self.key, f"record:{item.record_id}")
        known = pseudonym(self.key, f"patient:{patient}") if patient else ""
        source = replace(remote, patient_id="") if remote else item.source  # where it travels to, nobody needs it
        return replace(item, record_id=name, patient=known, name=item.record_id, source=source)


@dataclass(kw_only=True)
class Intake:
    """Chooses, splits and names inputs as they stream through, and counts them.

    Attributes:
        wanted: Which images.
        frames: ``split`` makes an input of every frame of an image of several; ``refuse`` leaves it whole, to be
            refused.
        naming: What results call them.
        num_inputs, num_left_out, num_taken: So far; more are taken than given where frames are split.
    """

    wanted: HeaderFilter = field(default_factory=HeaderFilter)
    frames: Literal["refuse", "split"] = "refuse"
    naming: Naming = field(default_factory=Naming)
    num_inputs: int = 0
    num_left_out: int = 0
    num_taken: int = 0

    def take(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield what becomes of ``items``, in their order; counts begin anew.

        Raises:
            ArchiveError: If an archive does not answer.
        """
        self.num_inputs = self.num_left_out = self.num_taken = 0
        for item in items:
            self.num_inputs += 1
            facts = self._facts(item)
            if not self.wanted.takes(facts):
                self.num_left_out += 1
                continue
            named = self.naming.named(item, facts)
            for part in _frames(named, facts) if self.frames == "split" else (named,):
                self.num_taken += 1
                yield part

    def _facts(self, item: Item) -> DicomFacts | None:
        naming, source = self.naming, item.source
        asks = not self.wanted.is_empty or self.frames == "split"
        if isinstance(source, RemoteFilm):  # its UID and, mostly, its patient are known from the search
            return source.facts() if asks else None
        asks = asks or naming.with_patients or (naming.key is not None and not naming.only_remote)
        if not asks or not isinstance(source, str | Path):
            return None
        from covidcxr.imaging.dicom.facts import read_facts

        return read_facts(Path(source))


def pseudonym(key: bytes, text: str) -> str:
    """Return the first 20 digits of the HMAC-SHA-256 (RFC 2104) of ``text``: the same on every run with ``key``."""
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:_DIGITS]


def _frames(item: Item, facts: DicomFacts | None) -> Iterator[Item]:
    if facts is None or not 1 < facts.num_frames <= _MAX_FRAMES:
        yield item
        return
    for frame in range(facts.num_frames):
        mark = f"#{frame + 1}"
        yield replace(item, record_id=item.record_id + mark, frame=frame, name=item.name and item.name + mark)
