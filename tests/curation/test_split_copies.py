"""What leaks.json says of duplicates between the judged images and the other splits of their dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from covidcxr.curation.copy_report import CopyPair, CopyReport
from covidcxr.curation.leak_file import LEAKS_FILE, write_leaks
from covidcxr.curation.leaks import LeakReport
from covidcxr.curation.split_copies import split_copies
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.evidence import NO_SPLIT_COPIES
from study_builders import write_dataset

PAIR = CopyPair(
    id_a="home:a",
    id_b="school:b",
    label_a="COVID-19",
    label_b="Normal",
    place_a="test",
    place_b="train",
    told_by="search",
    score=0.93,
)


def test_only_pairs_with_one_judged_image_count_and_each_image_once(tmp_path: Path) -> None:
    write_dataset(tmp_path, num_each=2)
    dataset = Dataset.open(tmp_path)
    assert split_copies(dataset, ["home:a"]) == NO_SPLIT_COPIES
    again = replace(PAIR, id_b="school:c", label_b="COVID-19")
    elsewhere = replace(PAIR, id_a="home:x", id_b="home:y")
    report = LeakReport(
        leaks=(),
        num_crossing_patients=0,
        num_crossing_groups=0,
        copies=CopyReport(search="report", num_found=3, crossing=(PAIR, again, elsewhere)),
        verdict="leaks",
        sentences=(),
    )
    write_leaks(tmp_path / LEAKS_FILE, report)
    found = split_copies(dataset, ["home:a", "home:other"])
    assert found.images == found.conflicting == ("home:a",)
    assert found.pairs == (
        "home:a (test, COVID-19) and school:b (train, Normal)",
        "home:a (test, COVID-19) and school:c (train, COVID-19)",
    )
    assert split_copies(dataset, ["home:a", "school:b", "school:c"]) == NO_SPLIT_COPIES  # judged together: one part
