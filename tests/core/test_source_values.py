from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core.types import Sex, View
from covidcxr.core.values import MAX_AGE_YEARS, join_notes, read_age, read_number, read_sex, read_view


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("65", 65.0),
        ("50+", 50.0),
        (">50", 50.0),
        ("67+", 67.0),
        ("mid 50s", 55.0),
        ("early 40s", 42.0),
        ("late 30's", 38.0),
        ("20s", 25.0),
        ("058Y", 58.0),
        ("003M", 0.25),
        ("007D", 7 / 365.25),
        ("414", None),
        ("", None),
        ("?", None),
        ("adult", None),
        ("-3", None),
    ],
)
def test_ages_are_read_as_the_sources_write_them(text: str, years: float | None) -> None:
    found = read_age(text)
    assert found == years or found == pytest.approx(years, abs=0.002)


@given(st.text(max_size=12))
def test_no_text_makes_an_impossible_age(text: str) -> None:
    age = read_age(text)
    assert age is None or 0.0 <= age <= MAX_AGE_YEARS


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("PA", View.PA),
        ("AP erect", View.AP),
        ("AP Supine", View.AP_SUPINE),
        ("AP_Supine", View.AP_SUPINE),
        ("L", View.LATERAL),
        ("Coronal", View.CT),
        ("?", View.UNKNOWN),
        ("", View.UNKNOWN),
        ("PAX", View.UNKNOWN),
    ],
)
def test_views_are_matched_by_whole_name(text: str, view: View) -> None:
    assert read_view(text) is view


def test_sexes_and_numbers_that_are_not_understood_are_unknown() -> None:
    assert [read_sex(text) for text in ("M", "female", "", "x")] == [Sex.MALE, Sex.FEMALE, None, None]
    assert [read_number(text) for text in ("-2", "3.5", "", "?", "38+", "nan")] == [-2.0, 3.5, None, None, None, None]


def test_notes_become_one_line() -> None:
    assert join_notes("", "a\nb", "  ", "c") == "a b | c"
