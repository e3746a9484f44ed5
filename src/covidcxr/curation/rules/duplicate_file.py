"""The same picture more than once, with the same label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import Rule


@RULES.register("duplicate-file")
class DuplicateFile(Rule):
    """Keeps the first, by record_id, of images with the same bytes or the same pixels and the same label.

    A copy with another label is left to ``conflicting-label``.
    """

    name: ClassVar[str] = "duplicate-file"
    description: ClassVar[str] = "The same bytes, or the same pixels, as an image that is kept with the same label."

    def judge(self, candidates: Sequence[Candidate]) -> Mapping[str, str]:
        """Return record_id to the record whose copy it is."""
        reasons: dict[str, str] = {}
        first_with: dict[tuple[str, str], Candidate] = {}
        for candidate in candidates:
            label = candidate.label or ""
            for kind, digest in (("bytes", candidate.facts.sha256), ("pixels", candidate.facts.image_sha256)):
                first = first_with.setdefault((label, digest), candidate) if digest else candidate
                if first is not candidate and not self._published_together(first, candidate):
                    reasons.setdefault(candidate.record_id, f"same {kind} as {first.record_id}")
        return reasons

    def _published_together(self, first: Candidate, second: Candidate) -> bool:
        places = {(item.record.source, item.record.split) for item in (first, second)}
        return self.recipe.keep_published_copies and len(places) == 1 and first.record.split is not None
