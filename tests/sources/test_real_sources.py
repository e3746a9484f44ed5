"""What the readers make of the real sources; needs COVIDCXR_SOURCES or ../shared/data/sources."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from covidcxr.core.types import View
from covidcxr.sources.lookup import find_sources_root, read_source
from covidcxr.sources.source import SourceListing

pytestmark = pytest.mark.real_data
NOT_FRONTAL = {View.CT, View.LATERAL}


@pytest.fixture(scope="module")
def root() -> Path:
    found = find_sources_root()
    if found is None:
        pytest.skip("the real sources are not on this machine (COVIDCXR_SOURCES, ../shared/data/sources)")
    return found


def frontal_covid(listing: SourceListing) -> int:
    return sum(record.label == "COVID-19" and record.view not in NOT_FRONTAL for record in listing.records)


def test_there_are_488_frontal_covid_candidates_before_exclusions(root: Path) -> None:
    counts = {
        name: frontal_covid(read_source(name, root)) for name in ("covid-chestxray-dataset", "figure1", "actualmed")
    }
    assert counts == {"covid-chestxray-dataset": 427, "figure1": 35, "actualmed": 26}
    assert sum(counts.values()) == 488


def test_chest_xray_pneumonia_has_the_published_counts_and_no_patient_in_two_splits(root: Path) -> None:
    records = read_source("chest-xray-pneumonia", root).records
    assert Counter((record.split, record.label) for record in records) == {
        ("train", "Normal"): 1341,
        ("train", "Pneumonia"): 3875,
        ("test", "Normal"): 234,
        ("test", "Pneumonia"): 390,
    }
    assert all(record.patient_id for record in records)
    train, test = ({record.patient_id for record in records if record.split == split} for split in ("train", "test"))
    assert not train & test


def test_every_row_and_file_of_the_real_releases_is_accounted_for(root: Path) -> None:
    found = {}
    for name in ("covid-chestxray-dataset", "figure1", "actualmed", "nih-chest-xray14"):
        listing = read_source(name, root)
        rules = Counter(problem.rule for problem in listing.problems)
        assert listing.num_files == len(listing.records) + rules["no-metadata"]
        assert listing.num_rows == len(listing.records) + rules["no-file"]
        found[name] = (listing.num_rows, listing.num_files, rules["no-file"], rules["no-metadata"])
    assert found == {
        "covid-chestxray-dataset": (758, 664, 102, 8),
        "figure1": (55, 55, 0, 0),
        "actualmed": (238, 54, 184, 0),
        "nih-chest-xray14": (332, 332, 0, 0),
    }


def test_ages_of_covid_patients_are_adult_but_one(root: Path) -> None:
    records = read_source("covid-chestxray-dataset", root).records
    ages = {r.patient_id: r.age_years for r in records if r.label == "COVID-19" and r.age_years is not None}
    assert sum(age < 18 for age in ages.values()) <= 1
