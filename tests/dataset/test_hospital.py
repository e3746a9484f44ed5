"""What a hospital's folder says of its patients: read as every source's facts are, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

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
