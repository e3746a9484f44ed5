from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.core.types import Sex, View
from covidcxr.sources.covid_chestxray import CovidChestXray, read_finding
from source_trees import covid_chestxray, only, rules, touch, write_table


@pytest.mark.parametrize(
    ("finding", "label"),
    [
        ("COVID-19", "COVID-19"),
        ("COVID-19, ARDS", "COVID-19"),
        ("Pneumonia/Viral/COVID-19", "COVID-19"),
        ("No Finding", "Normal"),
        ("SARS", "Pneumonia"),
        ("Pneumonia/Viral/SARS", "Pneumonia"),
        ("Pneumonia/Bacterial/Staphylococcus/MRSA", "Pneumonia"),
        ("Mycoplasma Bacterial Pneumonia", "Pneumonia"),
        ("E.Coli", "Pneumonia"),
        ("ARDS", None),
        ("Tuberculosis", None),
        ("todo", None),
        ("Unknown", None),
        ("", None),
        ("No COVID-19", None),
    ],
)
def test_a_finding_of_either_edition_means_its_class(finding: str, label: str | None) -> None:
    assert read_finding(finding) == label


def test_a_row_becomes_a_record_with_its_words_kept(tmp_path: Path) -> None:
    row = {
        "patientid": "311a",
        "offset": "-2",
        "sex": "M",
        "age": "68",
        "view": "AP Supine",
        "filename": "10.1016-slash-j.crad@a.v1.png",
        "license": "CC BY 3.0",
        "url": "https://example.org/1",
        "": "spilled text",
    }
    record = only(
        CovidChestXray().read(covid_chestxray(tmp_path / "s", row, files=["images/10.1016-slash-j.crad@a.v1.png"]))
    )
    assert record.record_id == "covid-chestxray-dataset:10.1016-slash-j.crad@a.v1.png"
    assert record.patient_id == "covid-chestxray-dataset:311a"
    assert (record.view, record.view_verbatim, record.modality) == (View.AP_SUPINE, "AP Supine", "DX")
    assert (record.sex, record.age_years, record.day_offset) == (Sex.MALE, 68.0, -2.0)
    assert (record.label, record.licence, record.url) == ("COVID-19", "CC BY 3.0", "https://example.org/1")
    assert record.notes == "spilled text"
    assert record.path.read_text() == "images/10.1016-slash-j.crad@a.v1.png"


def test_lettered_numbers_are_different_patients(tmp_path: Path) -> None:
    rows = [{"patientid": f"324{letter}", "filename": f"{letter}.png"} for letter in "ab"]
    listing = CovidChestXray().read(covid_chestxray(tmp_path / "s", *rows, files=["images/a.png", "images/b.png"]))
    assert len({record.patient_id for record in listing.records}) == 2


@pytest.mark.parametrize(("view", "modality"), [("Axial", "CT"), ("Coronal", "CT"), ("", "CT"), ("Axial", "")])
def test_a_ct_slice_is_told_by_view_or_modality(tmp_path: Path, view: str, modality: str) -> None:
    row = {"view": view, "modality": modality, "filename": "ct.png"}
    assert only(CovidChestXray().read(covid_chestxray(tmp_path / "s", row, files=["images/ct.png"]))).view is View.CT


@pytest.mark.parametrize("view", ["", "?"])
def test_a_blank_or_questioned_view_stays_unknown_and_is_noted(tmp_path: Path, view: str) -> None:
    row = {"view": view, "filename": "a.png"}
    record = only(CovidChestXray().read(covid_chestxray(tmp_path / "s", row, files=["images/a.png"])))
    assert (record.view, record.view_verbatim, record.notes) == (View.UNKNOWN, view, "view not stated")


def test_every_row_and_every_file_is_accounted_for(tmp_path: Path) -> None:
    rows = [
        {"filename": "here.png"},
        {"filename": "gone.png"},
        {"filename": "v.nii.gz", "folder": "volumes"},
        {"filename": ""},
    ]
    listing = CovidChestXray().read(
        covid_chestxray(tmp_path / "s", *rows, files=["images/here.png", "images/extra.jpg"])
    )
    assert (listing.num_rows, listing.num_files) == (4, 2)
    assert [record.record_id for record in listing.records] == ["covid-chestxray-dataset:here.png"]
    assert sorted(rules(listing)) == ["no-file", "no-file", "no-file", "no-metadata"]
    assert {problem.path for problem in listing.problems} == {
        "images/gone.png",
        "volumes/v.nii.gz",
        "",
        "images/extra.jpg",
    }
    assert len({problem.record_id for problem in listing.problems}) == 4


def test_a_volume_that_is_there_is_a_ct_record(tmp_path: Path) -> None:
    row = {"filename": "v.nii.gz", "folder": "volumes", "modality": "CT", "view": "Axial"}
    record = only(CovidChestXray().read(covid_chestxray(tmp_path / "s", row, files=["volumes/v.nii.gz"])))
    assert (record.view, record.path.name) == (View.CT, "v.nii.gz")


@pytest.mark.parametrize(
    "claimed", ["../../secret.png", "/etc/passwd", "C:\\secret.png", "a/../../secret.png", "~/x.png"]
)
def test_a_row_that_claims_a_file_outside_the_folder_is_refused(tmp_path: Path, claimed: str) -> None:
    (tmp_path / "secret.png").write_text("not yours", encoding="utf-8")
    listing = CovidChestXray().read(
        covid_chestxray(tmp_path / "s", {"folder": claimed, "filename": "x"}, {"filename": claimed})
    )
    assert listing.records == ()
    assert "outside-folder" in rules(listing)
    assert all(problem.rule in {"outside-folder", "no-file"} for problem in listing.problems)


def test_a_symbolic_link_out_of_the_tree_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/secret.png")
    folder = covid_chestxray(
        tmp_path / "s", {"filename": "link.png"}, {"filename": "inner.png"}, files=["images/real.png"]
    )
    (folder / "images/link.png").symlink_to(tmp_path / "elsewhere/secret.png")
    (folder / "images/inner.png").symlink_to(folder / "images/real.png")
    (folder / "images/tree").symlink_to(tmp_path / "elsewhere")
    listing = CovidChestXray().read(folder)
    assert [record.path.name for record in listing.records] == ["inner.png"]
    links = [problem for problem in listing.problems if problem.rule == "link-outside"]
    assert [problem.path for problem in links] == ["images/link.png", "images/tree"]
    assert "elsewhere/secret.png" in links[0].detail


def test_a_linked_images_folder_outside_the_source_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.png")
    folder = covid_chestxray(tmp_path / "s", {"filename": "a.png"})
    (folder / "images").rmdir()
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    listing = CovidChestXray().read(folder)
    assert listing.records == ()
    assert rules(listing) == ["link-outside", "no-file"]


def test_two_rows_for_one_file_make_one_record_and_one_problem(tmp_path: Path) -> None:
    listing = CovidChestXray().read(
        covid_chestxray(tmp_path / "s", {"filename": "a.png"}, {"filename": "a.png"}, files=["images/a.png"])
    )
    assert only(listing).label == "COVID-19"
    assert rules(listing) == ["same-file"]


def test_two_rows_that_disagree_on_one_file_leave_it_without_a_label(tmp_path: Path) -> None:
    rows = [{"filename": "a.png"}, {"filename": "a.png", "finding": "No Finding"}]
    record = only(CovidChestXray().read(covid_chestxray(tmp_path / "s", *rows, files=["images/a.png"])))
    assert record.label is None
    assert "2 rows for this file disagree" in record.notes


def test_the_same_file_name_in_two_folders_gives_two_ids(tmp_path: Path) -> None:
    rows = [{"filename": "a.png"}, {"filename": "a.png", "folder": "volumes"}]
    listing = CovidChestXray().read(covid_chestxray(tmp_path / "s", *rows, files=["images/a.png", "volumes/a.png"]))
    ids = [record.record_id for record in listing.records]
    assert ids == ["covid-chestxray-dataset:images/a.png", "covid-chestxray-dataset:volumes/a.png"]


def test_a_file_name_in_another_case_is_found(tmp_path: Path) -> None:
    folder = covid_chestxray(tmp_path / "s", {"filename": "scan.jpg"}, files=["images/scan.JPG"])
    assert only(CovidChestXray().read(folder)).path.name == "scan.JPG"


def test_a_missing_column_is_named_with_the_file_the_columns_and_the_release(tmp_path: Path) -> None:
    folder = covid_chestxray(tmp_path / "s")
    write_table(folder / "metadata.csv", "patient,finding,view", [])
    with pytest.raises(
        SourceError, match=r"metadata\.csv: no column 'patientid'.*found: patient, finding, view.*expected.*2020"
    ):
        CovidChestXray().read(folder)


@pytest.mark.parametrize("data", [b"", "patientid,offset\n1,2\n".encode("utf-16"), b"patientid\x81,\x8d\n"])
def test_a_table_in_no_known_encoding_or_empty_is_an_error_not_a_crash(tmp_path: Path, data: bytes) -> None:
    folder = covid_chestxray(tmp_path / "s")
    (folder / "metadata.csv").write_bytes(data)
    with pytest.raises(SourceError, match=r"metadata\.csv: .*expected the layout of covid-chestxray-dataset"):
        CovidChestXray().read(folder)


def test_a_renamed_images_folder_says_what_is_there_and_what_is_expected(tmp_path: Path) -> None:
    folder = covid_chestxray(tmp_path / "s")
    (folder / "images").rename(folder / "pictures")
    with pytest.raises(
        SourceError, match=r"found metadata\.csv, pictures/; expected metadata\.csv beside images/.*sources fetch"
    ):
        CovidChestXray().read(folder)


def test_the_version_is_the_commit_in_the_folders_name_or_the_metadatas_digest(tmp_path: Path) -> None:
    commit = "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"
    archive = covid_chestxray(tmp_path / f"covid-chestxray-dataset-{commit}", {"filename": "a"})
    plain = covid_chestxray(tmp_path / "plain", {"filename": "b"})
    other = covid_chestxray(tmp_path / "other", {"filename": "c"})
    assert CovidChestXray().read(archive).version == f"commit {commit}"
    assert CovidChestXray().read(plain).version.startswith("metadata sha256:")
    assert CovidChestXray().read(plain).version != CovidChestXray().read(other).version


def test_words_that_are_no_sex_and_no_number_of_days_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [{"filename": "a.png", "sex": "?", "offset": "38+"}, {"filename": "b.png", "sex": "M", "offset": "?"}]
    listing = CovidChestXray().read(covid_chestxray(tmp_path / "s", *rows, files=["images/a.png", "images/b.png"]))
    assert [
        (record.sex, record.sex_verbatim, record.day_offset, record.offset_verbatim) for record in listing.records
    ] == [
        (None, "?", None, "38+"),
        (Sex.MALE, "M", None, "?"),
    ]
