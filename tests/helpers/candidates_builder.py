"""Small candidates for the tests of the curation room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from covidcxr.core.recipe import DatasetRecipe
from covidcxr.core.types import Record, Split, View
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.image_work import ImageFacts

RECIPE = DatasetRecipe(classes=("COVID-19", "Normal"), take={"cohen": ("COVID-19", "Normal")})


def candidate(
    key: str,
    *,
    label: str | None = "COVID-19",
    source: str = "cohen",
    patient: str | None = None,
    group: str | None = None,
    film: str | None = None,
    split: Split | None = None,
    view: View = View.PA,
    modality: str = "DX",
    finding: str = "",
    sha256: str | None = None,
    image_sha256: str | None = None,
    error: str = "",
    licence: str = "",
    age_years: float | None = None,
    copies: tuple[tuple[str, str], ...] = (),
) -> Candidate:
    """Return a candidate of an imaginary source."""
    record_id = f"{source}:{key}"
    patient_id = f"{source}:{patient}" if patient else None
    return Candidate(
        record=Record(
            record_id=record_id,
            source=source,
            path=Path("images") / key,
            patient_id=patient_id,
            view=view,
            modality=modality,
            finding=finding,
            label=label,
            split=split,
            licence=licence,
            age_years=age_years,
        ),
        facts=facts(record_id, sha256=sha256, image_sha256=image_sha256, error=error),
        label=label,
        film=film or record_id,
        group_id=group or patient_id or record_id,
        copies=copies,
    )


def facts(record_id: str, **known: Any) -> ImageFacts:
    """Return facts of a readable image whose digests are its own, unless given."""
    values = {"sha256": known.get("sha256") or f"bytes of {record_id}"}
    values["image_sha256"] = known.get("image_sha256") or f"pixels of {record_id}"
    values["error"] = known.get("error", "")
    values["reason"] = "truncated" if values["error"] else ""
    return ImageFacts(record_id=record_id, size_bytes=1, mtime_ns=1, rows=300, columns=300, bits_stored=8, **values)


def patients(number: int, films: int, *, label: str = "COVID-19", source: str = "cohen") -> Sequence[Candidate]:
    """Return ``number`` patients with ``films`` images each."""
    return [
        candidate(f"{label}-{index:03d}-{film}.png", label=label, source=source, patient=f"{label}-{index:03d}")
        for index in range(number)
        for film in range(films)
    ]
