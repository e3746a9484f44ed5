from __future__ import annotations

from pathlib import Path

from covidcxr.sources.covid_cxnet import CovidCxnet
from source_trees import rules, touch


def test_labels_come_from_the_class_folders_and_patients_stay_unknown(tmp_path: Path) -> None:
    touch(tmp_path, "chest_xray_images/covid19/001.jpeg", "chest_xray_images/normal/001.jpeg", "README.md", "BEASF.py")
    listing = CovidCxnet().read(tmp_path)
    assert [(record.record_id, record.label, record.patient_id) for record in listing.records] == [
        ("covid-cxnet:chest_xray_images/covid19/001.jpeg", "COVID-19", None),
        ("covid-cxnet:chest_xray_images/normal/001.jpeg", "Normal", None),
    ]


def test_a_file_in_no_known_class_folder_is_a_problem(tmp_path: Path) -> None:
    touch(tmp_path, "chest_xray_images/covid19/1.png", "chest_xray_images/x.png", "chest_xray_images/enhanced/1.png")
    assert rules(CovidCxnet().read(tmp_path)) == ["no-metadata", "no-metadata"]
