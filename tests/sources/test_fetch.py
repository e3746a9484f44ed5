from __future__ import annotations

import io
import shutil
import sys
import tarfile
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from covidcxr.core.errors import MissingExtraError, SourceError
from covidcxr.sources import SOURCES
from covidcxr.sources.fetch import MIRROR_VARIABLE, Origins, fetch_source, fetchable_sources
from covidcxr.sources.lookup import read_source
from http_origin import Origin, serving
from source_trees import chest_xray_pneumonia, covid_chestxray, nih

WHOLE = ("train/PNEUMONIA/person1_virus_6.jpeg", "test/NORMAL/IM-0003-0001.jpeg", "test/PNEUMONIA/person2_virus_1.jpeg")
COHEN = SOURCES.get("covid-chestxray-dataset").plan
NIH = SOURCES.get("nih-chest-xray14").plan


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(Origin(ranges=False, lengths=False)) as served:
        yield served


def origins(origin: Origin) -> Origins:
    return Origins.from_environment({MIRROR_VARIABLE: origin.url + "/"})


def github_zip(folder: Path, top: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}/{path.relative_to(folder)}")
        archive.writestr(f"{top}/README.md", "not wanted")
    return buffer.getvalue()


def cohen_origin(origin: Origin, tmp_path: Path) -> None:
    tree = covid_chestxray(tmp_path / "upstream", {"filename": "a.png"}, {"filename": "b.png"}, files=["images/a.png"])
    (archive,) = COHEN.archives
    origin.files["/github/" + archive.path] = github_zip(tree, "covid-chestxray-dataset-commit")


def nih_origin(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, archive in enumerate(NIH.archives):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as content:
            member = tarfile.TarInfo(f"images/{number:08d}_000.png")
            member.size = 5000
            content.addfile(member, io.BytesIO(bytes(range(250)) * 20))
        origin.files["/nih/" + archive.path] = buffer.getvalue()
    rows = [{"Image Index": f"{number:08d}_000.png"} for number in range(13)]
    cache = nih(tmp_path / "kaggle", *rows, table="Data_Entry_2017.csv")
    (cache / "test_list.txt").write_text("00000001_000.png\n", encoding="utf-8")
    (cache / "train_val_list.txt").write_text("00000002_000.png\n", encoding="utf-8")
    fake_kaggle(monkeypatch, cache)
    return cache


def fake_kaggle(
    monkeypatch: pytest.MonkeyPatch, cache: Path, calls: list[tuple[str, str | None]] | None = None
) -> None:
    """Stand in for the public client: it returns the path of what it keeps in its cache."""

    def dataset_download(handle: str, path: str | None = None) -> str:
        if calls is not None:
            calls.append((handle, path))
        return str(cache / path) if path else str(cache)

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))


def test_a_github_source_is_fetched_whole_and_reads_with_its_commit(origin: Origin, tmp_path: Path) -> None:
    cohen_origin(origin, tmp_path)
    folder = fetch_source("covid-chestxray-dataset", tmp_path / "sources", origins=origins(origin))
    assert sorted(path.name for path in folder.iterdir()) == ["FETCHED.json", "images", "metadata.csv"]
    listing = read_source("covid-chestxray-dataset", tmp_path / "sources")
    assert listing.version == COHEN.version
    assert [record.path.name for record in listing.records] == ["a.png"]
    assert [problem.path for problem in listing.problems] == ["images/b.png"]
    assert not list((tmp_path / "sources/.fetching").iterdir())


def test_a_source_that_is_there_is_left_alone(origin: Origin, tmp_path: Path) -> None:
    present = covid_chestxray(tmp_path / "covid-chestxray-dataset-master", {"filename": "a.png"})
    assert fetch_source("covid-chestxray-dataset", tmp_path, origins=origins(origin)) == present
    assert origin.requests == []


def test_a_missing_archive_leaves_no_folder(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="HTTP 404"):
        fetch_source("covid-chestxray-dataset", tmp_path, origins=origins(origin))
    assert not (tmp_path / "covid-chestxray-dataset").exists()


def test_metadata_of_another_edition_is_refused_and_thrown_away(origin: Origin, tmp_path: Path) -> None:
    tree = covid_chestxray(tmp_path / "upstream", files=["images/a.png"])
    (archive,) = SOURCES.get("figure1").plan.archives
    origin.files["/github/" + archive.path] = github_zip(tree, "top")
    with pytest.raises(SourceError, match=r"figure1: metadata\.csv has SHA-256 \w{64}, expected \w{64} \(commit 95bb"):
        fetch_source("figure1", tmp_path / "sources", origins=origins(origin))
    assert not (tmp_path / "sources/.fetching/figure1").exists()
    assert not (tmp_path / "sources/Figure1-COVID-chestxray-dataset").exists()


def test_an_interrupted_fetch_of_many_archives_goes_on_where_it_stopped(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nih_origin(origin, tmp_path, monkeypatch)
    last = "/nih/" + NIH.archives[-1].path
    held_back = origin.files.pop(last)
    with pytest.raises(SourceError, match="HTTP 404"):
        fetch_source("nih-chest-xray14", tmp_path / "s", origins=origins(origin))
    assert not (tmp_path / "s/nih-chest-xray14").exists()
    origin.files[last] = held_back
    origin.requests.clear()
    fetch_source("nih-chest-xray14", tmp_path / "s", origins=origins(origin))
    assert [path for path, _ in origin.requests] == [last]
    listing = read_source("nih-chest-xray14", tmp_path / "s")
    assert (len(listing.records), [problem.rule for problem in listing.problems]) == (12, ["no-file"])
    assert [record.split for record in listing.records[:3]] == [None, "test", "train"]


def test_kaggle_files_are_copied_from_the_clients_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    chest_xray_pneumonia(
        cache / "chest_xray", "train/NORMAL/IM-0001-0001.jpeg", "chest_xray/train/NORMAL/IM-0001-0001.jpeg", *WHOLE
    )
    calls: list[tuple[str, str | None]] = []
    fake_kaggle(monkeypatch, cache, calls)
    folder = fetch_source("chest-xray-pneumonia", tmp_path / "sources")
    assert calls == [("paultimothymooney/chest-xray-pneumonia/versions/2", None)]
    assert sum(path.is_file() for path in folder.rglob("*.jpeg")) == 4
    assert read_source("chest-xray-pneumonia", tmp_path / "sources").version == "Kaggle version 2"
    shutil.rmtree(folder)
    assert (cache / "chest_xray/train/NORMAL/IM-0001-0001.jpeg").is_file()


def test_a_refusal_of_kaggle_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: str, path: str | None = None) -> str:
        raise ValueError("403 Client Error.\n\nYou don't have permission to access resource")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=refuse))
    with pytest.raises(SourceError, match=r"could not be downloaded \(403 Client Error\. You don't.*Kaggle account"):
        fetch_source("chest-xray-pneumonia", tmp_path)


def test_without_the_kaggle_client_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'covidcxr\[kaggle\]'"):
        fetch_source("chest-xray-pneumonia", tmp_path)


def test_an_archive_cut_short_is_fetched_anew_by_the_next_call(origin: Origin, tmp_path: Path) -> None:
    cohen_origin(origin, tmp_path)
    (path,) = origin.files
    whole = origin.files[path]
    origin.files[path] = whole[: len(whole) // 2]
    with pytest.raises(SourceError, match="not a whole ZIP or TAR archive"):
        fetch_source("covid-chestxray-dataset", tmp_path / "s", origins=origins(origin))
    origin.files[path] = whole
    assert fetch_source("covid-chestxray-dataset", tmp_path / "s", origins=origins(origin)).is_dir()


def test_a_folder_in_the_way_is_not_touched(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "covid-chestxray-dataset").mkdir()
    (tmp_path / "covid-chestxray-dataset/mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SourceError, match=r"is there, but without metadata\.csv beside images/; move it away"):
        fetch_source("covid-chestxray-dataset", tmp_path, origins=origins(origin))
    assert (tmp_path / "covid-chestxray-dataset/mine.txt").read_text() == "mine"


def test_the_five_sources_of_the_paper_can_be_fetched_from_pinned_places() -> None:
    assert {"covid-chestxray-dataset", "figure1", "actualmed", "chest-xray-pneumonia", "nih-chest-xray14"} <= set(
        fetchable_sources()
    )
    assert Origins.from_environment({}) == Origins()
    (archive,) = COHEN.archives
    assert (
        Origins()
        .url(archive)
        .startswith("https://codeload.github.com/ieee8023/covid-chestxray-dataset/zip/6a4242344473")
    )
