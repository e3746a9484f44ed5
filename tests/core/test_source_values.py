from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core.types import Sex, View
from covidcxr.core.values import (
    MAX_AGE_YEARS,
    join_notes,
    read_age,
    read_number,
    read_patient,
    read_sex,
    read_sexes,
    read_view,
    read_view_position,
)


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
        ("65,5", 65.5),
        ("45 years", 45.0),
        ("６５", 65.0),
        ("414", None),
        ("150Y", None),
        ("<50", None),
        ("1,234", None),
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
        ("Anterior/Posterior", View.AP),
    ],
)
def test_views_are_matched_by_whole_name(text: str, view: View) -> None:
    assert read_view(text) is view


def test_a_view_position_has_the_meaning_that_the_standard_defines() -> None:
    """PS3.3 C.8.1.1: a decubitus image is a frontal one of a patient who lies; an oblique one is neither."""
    terms = {"AP": View.AP, "PA": View.PA, "LL": View.LATERAL, "RL": View.LATERAL}
    terms |= dict.fromkeys(("LLD", "RLD", "LLO", "RLO", "AXIAL"), View.UNKNOWN)
    assert {term: read_view_position(term) for term in terms} == terms


@pytest.mark.parametrize(
    ("words", "sex"),
    [
        ("M male MALE man Hombre HOMBRE Mann männlich MÄNNLICH homme masculin masculino м мужской 男 erkek", Sex.MALE),
        ("F female woman Mujer MUJER Frau weiblich W femme femenino Kadın KADIN ж 女 Ｆ", Sex.FEMALE),
        ("O other divers", Sex.OTHER),
        ("missing Mummy x h v d - ? 0 1 unknown nan m/f none fm ohne", None),
    ],
)
def test_a_sex_is_a_whole_word_and_never_a_first_letter(words: str, sex: Sex | None) -> None:
    assert {word: read_sex(word) for word in words.split()} == dict.fromkeys(words.split(), sex)


def test_an_m_beside_h_or_v_is_unknown_unless_f_is_used_too() -> None:
    assert read_sexes(["H", "M"]) == [None, None]
    assert read_sexes(["M", "V", "Mujer"]) == [None, None, Sex.FEMALE]
    assert read_sexes(["H", "M", "F"]) == [None, Sex.MALE, Sex.FEMALE]
    assert read_sexes(["M", "W"]) == [Sex.MALE, Sex.FEMALE]


NOBODY = (
    "NA|na|N/A|n.a.|nan|NaN|<NA>|#N/A|None|null|NULL|unknown|UNK|-|--|?|.|0|000|0000000000|0.0|-1|−1|-99| |\0|"
    "ANONYMOUS|Anonymous^|anonymized|ANONYMISED|Anon|de-identified|test|TEST|missing|xxx|unbekannt|k. A.|s/d|"
    "desconocido|Неизвестно|BILINMIYOR|未知|ＮＡ|not known|Test^Patient|"
)


@pytest.mark.parametrize("text", NOBODY.split("|"))
def test_a_word_for_unknown_is_no_patient(text: str) -> None:
    assert read_patient(text) is None


@pytest.mark.parametrize(
    "text", ["1", "007", "00000001", "Jane Doe", "MRN-1", "ANON17", "Anonymous 3", "NA-12", "KA", "张三"]
)
def test_what_may_name_a_patient_does(text: str) -> None:
    assert read_patient(f" {text} ") == text


def test_sexes_and_numbers_that_are_not_understood_are_unknown() -> None:
    assert [read_sex(text) for text in ("M", "female", "", "x")] == [Sex.MALE, Sex.FEMALE, None, None]
    assert [read_number(text) for text in ("-2", "3.5", "", "?", "38+", "nan")] == [-2.0, 3.5, None, None, None, None]


def test_notes_become_one_line() -> None:
    assert join_notes("", "a\nb", "  ", "c") == "a b | c"
