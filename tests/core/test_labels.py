from itertools import combinations

import pytest

from covidcxr.core.class_names import ClassNames, taken_sentence
from covidcxr.core.errors import DatasetError
from covidcxr.core.labels import COVID19, LABELS, NORMAL, NOT_COVID19, PNEUMONIA, find_label, label_key

CLASSES = (COVID19, NORMAL, PNEUMONIA)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("COVID-19", COVID19),
        ("COVID19", COVID19),
        ("covid_19", COVID19),
        ("covid \u2013 19", COVID19),
        ("covid", COVID19),
        ("COVID+", COVID19),
        ("COVID-19 (+)", COVID19),
        ("COVID-", NOT_COVID19),
        ("COVID-19 (-)", NOT_COVID19),
        ("COVID\u2212", NOT_COVID19),
        ("negative", NOT_COVID19),
        ("non-COVID", NOT_COVID19),
        ("NORMAL", NORMAL),
        ("No finding", NORMAL),
        ("No_findings", NORMAL),
        ("healthy", NORMAL),
        ("PNEUMONIA", PNEUMONIA),
        ("Lung_Opacity", PNEUMONIA),
        ("Viral Pneumonia", PNEUMONIA),
        ("COVID-19, ARDS", None),
        ("pneumonia-like", None),
        ("COVID-19?", None),
        ("Normal?", None),
        ("!COVID", None),
        ("-COVID", None),
        ("not Normal", None),
        ("", None),
        ("()", None),
        ("nan", None),
    ],
)
def test_names_match_whole_without_case_or_separators(name: str, label: str | None) -> None:
    assert find_label(name) == label


def test_every_label_matches_itself() -> None:
    assert [find_label(label) for label in LABELS] == list(LABELS)


@pytest.mark.parametrize(
    "names",
    [
        ("COVID", "COVID+", "COVID-", "COVID?", "!COVID", "~COVID", "COVID+-", "COVID*", "COVID✓", "COVID✗"),
        ("新冠", "正常", "肺炎"),
        ("Ковид", "Норма"),
        ("कोविड", "कविड", "सामान्य"),
        ("كوفيد", "طبيعي"),
        ("á", "a", "ä"),
    ],
)
def test_names_that_differ_in_a_sign_or_a_letter_of_any_script_stay_apart(names: tuple[str, ...]) -> None:
    for first, second in combinations(names, 2):
        assert label_key(first) != label_key(second)
        assert find_label(first, [second]) is None
    assert [find_label(name, names) for name in names] == list(names)


def test_one_word_in_two_encodings_or_cases_is_one_name() -> None:
    assert label_key("Neumoni\u0301a") == label_key("NEUMONÍA") == "neumonía"
    assert label_key("СOVID 19") != label_key("COVID 19")  # the first letter is Cyrillic


def test_a_name_of_separators_alone_matches_nothing_but_itself() -> None:
    assert find_label("__", ["()", "[]"]) is None
    assert find_label("()", ["[]", "()"]) == "()"
    assert find_label("flu", ["()"]) is None
    assert label_key("Normal\udcff") != label_key("Normal")  # a file name that is not UTF-8


def test_an_unknown_class_is_refused_with_its_place_and_the_known_ones_and_none_is_proposed() -> None:
    with pytest.raises(DatasetError) as caught:
        ClassNames(CLASSES, {}).read("Covidish", where="train/Covidish")
    words = "train/Covidish: class 'Covidish' is none of COVID-19, Normal, Pneumonia; rename it, or say which class it"
    assert str(caught.value) == f"{words} is with --map Covidish=CLASS"
    with pytest.raises(DatasetError) as caught:  # where the command has no --map, none is advised
        ClassNames(CLASSES).read("negative", where="negative")
    assert str(caught.value).endswith("Pneumonia; rename it")


def test_a_map_is_obeyed_to_the_letter() -> None:
    names = ClassNames(CLASSES, {"COVID+": COVID19, "COVID-": NORMAL, "新冠": PNEUMONIA, "Normal": PNEUMONIA})
    read = [names.read(name, where=name) for name in ("COVID+", "COVID-", "新冠", "Normal")]
    assert read == [COVID19, NORMAL, PNEUMONIA, PNEUMONIA]
    assert names.find("covid 19 -") is None


def test_a_map_that_fits_a_name_in_two_ways_is_refused_with_both() -> None:
    names = ClassNames(CLASSES, {"ward_3": COVID19, "Ward-3": NORMAL})
    assert names.find("ward_3") == COVID19
    with pytest.raises(DatasetError, match="'WARD 3' fits --map ward_3=COVID-19 and --map Ward-3=Normal alike"):
        names.find("WARD 3")
    with pytest.raises(DatasetError, match="--map flu=Influenza: 'Influenza' is none of the classes"):
        ClassNames(CLASSES, {"flu": "Influenza"})


def test_two_names_that_would_become_one_class_are_refused_with_both() -> None:
    names = ClassNames(CLASSES, {})
    names.read("COVID+", where="a/COVID+", beside="train")
    names.read("covid19", where="b/covid19", beside="test")
    with pytest.raises(DatasetError, match=r"a/COVID\+: 'COVID\+', and a/COVID: 'COVID', would become one class"):
        names.read("COVID", where="a/COVID", beside="train")
    names.read("COVID", where="labels.csv, line 2")  # the cells of a table may spell a class in known ways
    with pytest.raises(DatasetError, match="line 3: 'ward 1.1', and t.csv, line 4: 'ward 11', would become one"):
        ward = ClassNames(CLASSES, {"ward11": NORMAL})
        ward.read("ward 1.1", where="t.csv, line 3")
        ward.read("ward 11", where="t.csv, line 4")
    with pytest.raises(DatasetError, match="'Ab' and 'a_b' differ in nothing but case and separators"):
        ClassNames(("Ab", "a_b"))


def test_parts_of_one_class_and_mapped_names_may_become_one_and_are_told() -> None:
    names = ClassNames(CLASSES, {"flu": PNEUMONIA})
    for name in ("Pneumonia", "Viral Pneumonia", "Lung_Opacity", "flu", "Normal"):
        names.read(name, where=name)
    told = "'Lung_Opacity' taken as Pneumonia, 'Viral Pneumonia' taken as Pneumonia, 'flu' taken as Pneumonia"
    assert taken_sentence(names.taken) == told
