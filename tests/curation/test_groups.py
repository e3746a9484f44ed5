from __future__ import annotations

from pathlib import Path

from candidates_builder import facts
from covidcxr.core.types import Record
from covidcxr.curation.groups import find_films, find_groups


def record(key: str, patient: str | None = None) -> Record:
    return Record(
        record_id=f"cohen:{key}", source="cohen", path=Path(key), patient_id=f"cohen:{patient}" if patient else None
    )


def test_copies_by_bytes_pixels_and_pairs_are_one_film() -> None:
    known = {
        "a": facts("a", sha256="s1"),
        "b": facts("b", sha256="s1", image_sha256="p1"),
        "c": facts("c", image_sha256="p1"),
        "d": facts("d"),
        "e": facts("e"),
    }
    assert find_films(known, [("c", "d")]) == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e"}


def test_unreadable_files_are_no_copies_of_one_another() -> None:
    blank = {name: facts(name, error="gone") for name in "ab"}
    assert find_films(blank) == {"a": "a", "b": "b"}


def test_a_film_joins_two_patients_into_one_group() -> None:
    records = [record("a", "1"), record("b", "2"), record("c", "2"), record("d", "3"), record("e")]
    films = {f"cohen:{key}": f"cohen:{key}" for key in "acde"} | {"cohen:b": "cohen:a"}
    assert find_groups(records, films) == {
        "cohen:a": "cohen:1",
        "cohen:b": "cohen:1",
        "cohen:c": "cohen:1",
        "cohen:d": "cohen:3",
        "cohen:e": "cohen:e",
    }
