import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.core.labels import COVID19, LABELS, NORMAL, NOT_COVID19, PNEUMONIA, find_label, match_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("COVID-19", COVID19),
        ("COVID19", COVID19),
        ("covid_19", COVID19),
        ("covid", COVID19),
        ("NORMAL", NORMAL),
        ("No finding", NORMAL),
        ("PNEUMONIA", PNEUMONIA),
        ("non-COVID", NOT_COVID19),
        ("COVID-19, ARDS", None),
        ("pneumonia-like", None),
    ],
)
def test_names_match_whole_without_case_or_punctuation(name: str, label: str | None) -> None:
    assert find_label(name) == label


def test_every_label_matches_itself() -> None:
    assert [find_label(label) for label in LABELS] == list(LABELS)


def test_an_unknown_class_is_refused_with_its_place_and_the_known_ones() -> None:
    with pytest.raises(DatasetError, match="train/Covidish: class 'Covidish' is none of COVID-19, Normal"):
        match_label("Covidish", [COVID19, NORMAL], where="train/Covidish")
