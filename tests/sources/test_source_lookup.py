from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import RegistryError, SourceError
from covidcxr.sources import SOURCES
from covidcxr.sources.lookup import find_sources_root, locate_sources, read_source
from covidcxr.sources.phantoms import write_phantom_sources
from covidcxr.sources.survey import survey
from source_trees import actualmed, chest_xray_pneumonia, covid_chestxray, figure1, nih, touch


def test_the_first_five_sources_are_registered() -> None:
    assert {"covid-chestxray-dataset", "figure1", "actualmed", "chest-xray-pneumonia", "nih-chest-xray14"} <= set(
        SOURCES.names()
    )


@pytest.mark.parametrize("name", SOURCES.names())
def test_every_source_states_its_facts(name: str) -> None:
    info = SOURCES.get(name).info
    assert info.name == name
    assert all((info.title, info.folders, info.layout, info.licence, info.citation, info.homepage))


@pytest.mark.parametrize("name", SOURCES.names())
def test_every_source_finds_nothing_in_an_empty_folder_and_says_what_it_expects(name: str, tmp_path: Path) -> None:
    source = SOURCES.get(name)()
    assert source.locate(tmp_path) is None
    assert source.locate(tmp_path / "missing") is None
    with pytest.raises(SourceError, match="expected"):
        source.read(tmp_path / "missing")


@pytest.mark.parametrize(
    "folder",
    [
        "covid-chestxray-dataset",
        "Covid-ChestXray-Dataset",
        "covid-chestxray-dataset-master",
        "covid-chestxray-dataset-6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8",
    ],
)
def test_a_folder_is_found_under_its_archives_names(tmp_path: Path, folder: str) -> None:
    covid_chestxray(tmp_path / folder)
    assert locate_sources(tmp_path) == {"covid-chestxray-dataset": tmp_path / folder}


def test_well_known_variants_of_all_five_are_found(tmp_path: Path) -> None:
    covid_chestxray(tmp_path / "covid-chestxray-dataset-main")
    figure1(tmp_path / "Figure1-COVID-chestxray-dataset-master")
    actualmed(tmp_path / "actualmed")
    chest_xray_pneumonia(tmp_path / "chest_xray")
    nih(tmp_path / "nih-chest-xray14-subset", files=["images/a.png"])
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    assert len(locate_sources(tmp_path)) == 5


def test_a_folder_of_the_right_name_and_another_layout_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "covid-chestxray-dataset" / "stuff").mkdir(parents=True)
    whole = covid_chestxray(tmp_path / "covid-chestxray-dataset-master")
    assert locate_sources(tmp_path) == {"covid-chestxray-dataset": whole}


def test_a_source_whose_layout_changed_is_named_with_what_is_there_and_what_is_expected(tmp_path: Path) -> None:
    figure1(tmp_path / "Figure1-COVID-chestxray-dataset/figure1")
    (tmp_path / "Figure1-COVID-chestxray-dataset/figure1/images").rename(tmp_path / "pictures")
    chest_xray_pneumonia(tmp_path / "chest_xray")
    (tmp_path / "chest_xray/train/NORMAL").rename(tmp_path / "chest_xray/train/HEALTHY")
    touch(tmp_path, "csv/a.csv", "csv/b.csv")
    with pytest.raises(SourceError, match=r"figure1: found metadata\.csv; expected metadata\.csv beside images/"):
        read_source("figure1", tmp_path)
    renamed = r"chest_xray: found .*train/ \(HEALTHY/, PNEUMONIA/\); expected .*NORMAL/ and PNEUMONIA/.*sources fetch"
    with pytest.raises(SourceError, match=renamed):
        read_source("chest-xray-pneumonia", tmp_path)
    with pytest.raises(SourceError, match=r"csv: found a\.csv, b\.csv; expected one \.csv file.*put your own table"):
        read_source("csv", tmp_path)
    faults = {status.info.name: status.fault for status in survey(tmp_path) if status.fault}
    assert faults.keys() == {"figure1", "chest-xray-pneumonia", "csv"}
    assert "HEALTHY" in faults["chest-xray-pneumonia"]


def test_the_lookup_order_is_option_variable_data_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    for root in ("option", "variable", "here/data/sources", "shared/data/sources"):
        covid_chestxray(tmp_path / root / "covid-chestxray-dataset")
    monkeypatch.chdir(here)
    variable = {"COVIDCXR_SOURCES": str(tmp_path / "variable")}
    assert find_sources_root(tmp_path / "option", environment=variable) == tmp_path / "option"
    assert find_sources_root(environment=variable) == tmp_path / "variable"
    assert find_sources_root(environment={}) == Path("data/sources")
    (here / "data/sources/covid-chestxray-dataset/metadata.csv").unlink()
    assert find_sources_root(environment={}) == Path("../shared/data/sources")
    (tmp_path / "shared/data/sources/covid-chestxray-dataset/metadata.csv").unlink()
    assert find_sources_root(environment={}) is None


def test_a_relative_or_linked_root_gives_folders_that_hold_their_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = covid_chestxray(tmp_path / "disk" / "films", {"filename": "a.png"}, files=["images/a.png"])
    chest_xray_pneumonia(tmp_path / "sources/chest_xray", "train/NORMAL/IM-0001-0001.jpeg")
    (tmp_path / "sources/covid-chestxray-dataset").symlink_to(elsewhere)
    monkeypatch.chdir(tmp_path)
    found = locate_sources(Path("sources"))
    assert len(found) == 2
    for name, folder in found.items():
        (record,) = read_source(name, Path("sources")).records
        assert record.path.is_relative_to(folder)


@pytest.mark.parametrize(("explicit", "environment"), [(True, {}), (False, {"COVIDCXR_SOURCES": "/nowhere/at/all"})])
def test_a_named_root_that_is_no_folder_is_an_error(
    tmp_path: Path, explicit: bool, environment: dict[str, str]
) -> None:
    with pytest.raises(SourceError, match=r"no such folder \((--sources|COVIDCXR_SOURCES)\).*fetch"):
        find_sources_root(tmp_path / "gone" if explicit else None, environment=environment)


def test_a_source_that_is_not_there_names_what_is_and_how_to_fetch_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceError, match=r"no folder of source 'figure1' \(found: other\).*sources fetch figure1"):
        read_source("figure1", tmp_path)
    with pytest.raises(SourceError, match=r"no folder of source 'csv' .*; put your own table and images into csv/$"):
        read_source("csv", tmp_path)
    with pytest.raises(RegistryError, match="did you mean 'figure1'"):
        read_source("figure2", tmp_path)


def test_a_relative_root_gives_folders_that_hold_their_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantom_sources(tmp_path / "sources", num_covid=5, num_normal=4, num_pneumonia=4, size=32)
    monkeypatch.chdir(tmp_path)
    for name, folder in locate_sources(Path("sources")).items():
        records = read_source(name, Path("sources")).records
        assert records
        assert all(record.path.is_relative_to(folder) for record in records)
