from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.sources.chest_xray_pneumonia import ChestXrayPneumonia, read_patient
from source_trees import chest_xray_pneumonia, only, rules, touch


@pytest.mark.parametrize(
    ("stem", "patient"),
    [
        ("person1_bacteria_2", "person1_bacteria"),
        ("person1_virus_6", "person1_virus"),
        ("person447_virus_921_1", "person447_virus"),
        ("IM-0115-0001", "im-0115"),
        ("IM-0429-0001-0002", "im-0429"),
        ("NORMAL2-IM-0115-0001", "normal2-im-0115"),
        ("BACTERIA-1008087-0001", "bacteria-1008087"),
        ("scan of Tuesday", None),
    ],
)
def test_a_patient_is_the_number_with_its_type_or_prefix(stem: str, patient: str | None) -> None:
    found = read_patient(stem)
    assert (found[0] if found else None) == patient


def test_label_and_split_come_from_the_folders(tmp_path: Path) -> None:
    folder = chest_xray_pneumonia(
        tmp_path / "s",
        "train/NORMAL/IM-0001-0001.jpeg",
        "test/PNEUMONIA/person1_virus_6.jpeg",
        "val/NORMAL/IM-0002-0001.jpeg",
    )
    found = [(r.label, r.split, r.finding, r.notes) for r in ChestXrayPneumonia().read(folder).records]
    assert found == [
        ("Normal", "train", "NORMAL", ""),
        ("Normal", "val", "NORMAL", ""),
        ("Pneumonia", "test", "PNEUMONIA", "viral by file name"),
    ]


def test_a_name_of_no_known_pattern_is_a_record_of_unknown_patient(tmp_path: Path) -> None:
    record = only(ChestXrayPneumonia().read(chest_xray_pneumonia(tmp_path / "s", "train/NORMAL/mine.jpeg")))
    assert record.patient_id is None
    assert "patient unknown" in record.notes


def test_the_same_name_in_train_and_test_gives_two_ids_and_one_patient(tmp_path: Path) -> None:
    folder = chest_xray_pneumonia(tmp_path / "s", "train/NORMAL/IM-0001-0001.jpeg", "test/NORMAL/IM-0001-0001.jpeg")
    first, second = ChestXrayPneumonia().read(folder).records
    assert first.record_id == "chest-xray-pneumonia:test/NORMAL/IM-0001-0001.jpeg"
    assert second.record_id == "chest-xray-pneumonia:train/NORMAL/IM-0001-0001.jpeg"
    assert first.patient_id == second.patient_id


def test_a_file_in_no_class_folder_is_a_problem_and_hidden_files_are_not_images(tmp_path: Path) -> None:
    folder = chest_xray_pneumonia(tmp_path / "s", "train/.DS_Store", "train/NORMAL/._IM-1.jpeg")
    touch(folder, "train/COVID/x.jpeg", "test/stray.jpeg", "__MACOSX/train/NORMAL/y.jpeg")
    listing = ChestXrayPneumonia().read(folder)
    assert listing.records == ()
    assert rules(listing) == ["no-metadata", "no-metadata"]
    assert listing.num_files == 2


def test_the_nested_folder_of_the_kaggle_archive_is_found(tmp_path: Path) -> None:
    nested = chest_xray_pneumonia(tmp_path / "chest_xray" / "chest_xray")
    assert ChestXrayPneumonia().locate(tmp_path) == nested


def test_a_folder_without_test_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "train" / "NORMAL").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"found train/ \(NORMAL/\); expected train/ and test/"):
        ChestXrayPneumonia().read(tmp_path)
