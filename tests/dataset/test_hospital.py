"""What a hospital's folder says of its patients: read as every source's facts are, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.core.types import Sample, Sex
from covidcxr.dataset.hospital import open_hospital_folder
from dataset_builders import write_image

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def opened(folder: Path, table: str) -> list[Sample]:
    """Write labels.csv and the PNG files that its first column names, and return the samples."""
    for seed, line in enumerate(table.splitlines()[1:]):
        name = line.partition(",")[0]
        if name and not (folder / name).exists():
            write_image(folder / name, seed)
    (folder / "labels.csv").write_text(table, encoding="utf-8")
    return list(open_hospital_folder(folder, CLASSES, {}).samples)


def test_sex_and_age_are_whole_words_and_plausible(tmp_path: Path) -> None:
    rows = ["Mujer,50+", "missing,mid 50s", "ohne Angabe,058Y", "Unknown,150", "weiblich,64.0", "Man,300"]
    table = "path,label,sex,age\n" + "\n".join(f"n{number}.png,covid,{row}" for number, row in enumerate(rows))
    records = [sample.record for sample in opened(tmp_path, table)]
    assert [record.sex for record in records] == [Sex.FEMALE, None, None, None, Sex.FEMALE, Sex.MALE]
    assert [record.age_years for record in records] == [50.0, 55.0, 58.0, None, 64.0, None]


@pytest.mark.parametrize("word", ["NA", "nan", "None", "unknown", "-", "?", "0", "ANONYMOUS", "n/a", "000", ""])
def test_a_word_for_an_unknown_patient_leaves_each_image_by_itself(word: str, tmp_path: Path) -> None:
    table = "path,label,patient_id\n" + "\n".join(f"n{number}.png,covid,{word}" for number in range(3))
    samples = opened(tmp_path, f"{table}\nx.png,Normal,7\ny.png,Normal,7\n")
    assert len({sample.group_id for sample in samples}) == 4
    assert [sample.record.patient_id is None for sample in samples] == [True, True, True, False, False]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_a_table_of_labels_is_read_as_spreadsheets_save_it(encoding: str, tmp_path: Path) -> None:
    for seed, name in enumerate(["n0.png", "n1.png", "unlisted.png"]):
        write_image(tmp_path / name, seed)
    table = "PATH;Label;Patient ID;Straße\r\n n0.png ;covid;7;Grün\r\nn1.png;Normal;8;\r\n;;;\r\n"
    (tmp_path / "labels.csv").write_bytes(table.encode(encoding))
    dataset = open_hospital_folder(tmp_path, CLASSES, {})
    assert [(item.image, item.label) for item in dataset.samples] == [("n0.png", "COVID-19"), ("n1.png", "Normal")]
    assert all(item.record.patient_id for item in dataset.samples)
    assert [(item.path, item.rule) for item in dataset.left_out] == [("unlisted.png", "no-metadata")]


def test_a_fault_of_the_table_names_its_file_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"labels\.csv, line 4, column 'path': 'n0\.png' is named in line 2 already"):
        opened(tmp_path, "path,label\nn0.png,covid\nn1.png,covid\nn0.png,Normal\n")
    with pytest.raises(DatasetError, match=r"labels\.csv, line 3, column 'label': class 'Flu' is none of"):
        opened(tmp_path, "path,label\nn0.png,covid\nn1.png,Flu\n")


def test_an_id_of_several_classes_is_told(tmp_path: Path) -> None:
    table = "path,label,patient_id\n" + "".join(
        f"n{number}.png,{label},X\n" for number, label in enumerate(["covid", "Normal"])
    )
    opened(tmp_path, table)
    (note,) = open_hospital_folder(tmp_path, CLASSES, {}).notes
    assert "1 patient with images of more than one class: hospital:patient-00001" in note
