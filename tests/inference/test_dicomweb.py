from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import archives
import bundles
import films
from covidcxr.cli.main import run_command
from covidcxr.core.errors import ArchiveError, ImageReadError, MissingExtraError
from covidcxr.inference import dicomweb
from covidcxr.inference.bulk import predict_to_table
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import RemoteFilm, search
from covidcxr.inference.inputs import expand, expand_named
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.predictions import read_parquet_rows

pytest.importorskip("requests", reason="the extra `dicomweb` is not installed")


def instance(study: int, series: int, number: int, *, syntax: str = "explicit", modality: str = "DX") -> bytes:
    uids = {
        "StudyInstanceUID": f"1.2.{study}",
        "SeriesInstanceUID": f"1.2.{study}.{series}",
        "SOPInstanceUID": f"1.2.{study}.{series}.{number}",
    }
    others = {"PatientID": f"P{study}", "Modality": modality, "ViewPosition": "PA", "StudyDate": f"2020030{study}"}
    pixels = bundles.film(100 * study + 10 * series + number).astype(int)
    return films.dicom(pixels, syntax=films.SYNTAXES[syntax], attributes=uids | others)


FILMS = {
    "1.2.1.1.1": instance(1, 1, 1),
    "1.2.1.1.2": instance(1, 1, 2, syntax="jpeg2000"),
    "1.2.1.2.1": instance(1, 2, 1, modality="CT"),
    "1.2.2.1.1": instance(2, 1, 1, syntax="rle"),
    "1.2.3.1.1": instance(3, 1, 1, syntax="big-endian"),
    "1.2.3.1.2": instance(3, 1, 2, syntax="jpeg-lossless"),
}
FOUND = list(FILMS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=True)


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(dicomweb.TOKEN_VARIABLE, raising=False)
    return tmp_path / "config/covidcxr/pseudonyms.key"


def uids(url: str, **options: frozenset[str]) -> list[str]:
    return [film.instance for film in search(url, **options)]


@pytest.mark.parametrize("page", [1, 2, 100])
def test_a_service_is_searched_page_by_page(page: int) -> None:
    with archives.fake_archive(list(FILMS.values()), page=page) as url:
        assert uids(url) == FOUND
        assert uids(f"{url}/") == FOUND


def test_a_study_a_series_an_instance_and_a_query_name_fewer_films() -> None:
    with archives.fake_archive(list(FILMS.values())) as url:
        assert uids(f"{url}/studies/1.2.1") == FOUND[:3]
        assert uids(f"{url}/studies/1.2.1/series/1.2.1.1") == FOUND[:2]
        assert uids(f"{url}/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2") == FOUND[5:]
        assert uids(f"{url}?PatientID=P2") == FOUND[3:4]
        assert uids(url, modalities=frozenset({"CT"})) == FOUND[2:3]
        assert uids(f"{url}/studies?PatientID=nobody") == []


def test_films_come_as_they_are_stored() -> None:
    with archives.fake_archive(list(FILMS.values())) as url:
        assert [film.fetch("an image") for film in search(url)] == list(FILMS.values())


def test_a_table_of_an_archive_has_the_rows_of_its_files(bundle: Bundle, tmp_path: Path) -> None:
    predictor = Predictor.load(bundle.folder, batch_size=4)
    for uid, film in FILMS.items():
        (tmp_path / f"{uid}.dcm").write_bytes(film)
    here = [prediction.probabilities.tolist() for prediction in predictor.predict_items(expand([tmp_path]))]  # type: ignore[union-attr]
    with archives.fake_archive(list(FILMS.values())) as url:
        rows = list(predict_to_table(predictor, expand_named([url]), tmp_path / "found.parquet", workers=1))
    assert [row["input"].rpartition("/")[2] for row in rows] == FOUND
    for row, probabilities in zip(read_parquet_rows(tmp_path / "found.parquet"), here, strict=True):
        assert [row[f"probability/{name}"] for name in bundles.CLASSES] == pytest.approx(probabilities, abs=1e-6)


def test_one_film_that_the_archive_cannot_give_is_a_row(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with archives.fake_archive(list(FILMS.values()), broken=["1.2.2.1.1"]) as url:
        assert run_command(["predict", str(bundle.folder), url, "--json", "--identified"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "error", "ok", "ok"]
    assert rows[3]["reasons"][0].startswith("unreachable: http://127.0.0.1")
    assert "500" in rows[3]["reasons"][0]


def test_archive_films_are_pseudonymous_unless_asked_otherwise(
    bundle: Bundle, own_key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.dcm").write_bytes(FILMS["1.2.1.1.1"])
    found = []
    with archives.fake_archive(list(FILMS.values()), broken=["1.2.2.1.1"]) as url:
        for _ in range(2):
            run_command(["predict", str(bundle.folder), url, str(tmp_path / "mine.dcm"), "--json"])
            found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert "1.2.2" not in found[0]
    assert own_key.stat().st_mode & 0o777 == 0o600
    names = [json.loads(line)["input"] for line in found[0].splitlines()]
    assert len(set(names)) == 7
    assert names[-1] == str(tmp_path / "mine.dcm")


def test_headers_choose_films_of_an_archive(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with archives.fake_archive(list(FILMS.values())) as url:
        chosen = ["--modality", "DX", "--view", "PA", "--since", "2020-03-02", "--identified"]
        run_command(["predict", str(bundle.folder), url, "--json", *chosen])
    names = [json.loads(line)["input"] for line in capsys.readouterr().out.splitlines()]
    assert [name.rpartition("/")[2] for name in names] == FOUND[3:]


def test_a_token_opens_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    with archives.fake_archive(list(FILMS.values()), token="s3cret") as url:
        with pytest.raises(ArchiveError, match="401.*COVIDCXR_DICOMWEB_TOKEN"):
            uids(url)
        monkeypatch.setenv(dicomweb.TOKEN_VARIABLE, "s3cret")
        assert uids(url) == FOUND


def test_what_is_no_archive_is_told(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dicomweb, "_ATTEMPTS", 0)
    dicomweb._session.cache_clear()
    with archives.fake_archive([]) as url:
        with pytest.raises(ArchiveError, match="instead of DICOM JSON"):
            uids(url.replace("dicom-web", "hello"))
        assert run_command(["predict", str(bundle.folder), f"{url}/studies", "--json"]) == 2
        with pytest.raises(ArchiveError, match="without a password"):
            uids(url.replace("//", "//me:secret@"))
    gone = RemoteFilm(root=url, study="1", series="2", instance="3")
    with pytest.raises(ArchiveError, match="does not answer"):  # and not a row for every image that is left
        list(Predictor.load(bundle.folder).predict_items([Item(record_id="a", source=gone)]))
    assert run_command(["predict", str(bundle.folder), url, "--json"]) == 2
    assert "run the same command again" in capsys.readouterr().err
    dicomweb._session.cache_clear()


def test_a_body_that_does_not_end_is_refused() -> None:
    with pytest.raises(ImageReadError, match="no multipart body"):
        dicomweb._one_part(b"--x\r\n\r\nDICM", "multipart/related; boundary=x", "an image")


def test_without_requests_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[dicomweb\]"):
        uids("http://127.0.0.1:9/dicom-web")


@pytest.mark.dicom_network
@pytest.mark.skipif(not archives.HAS_ORTHANC, reason="no Orthanc: apt-get install orthanc orthanc-dicomweb")
def test_orthanc_gives_the_predictions_of_the_files(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictor = Predictor.load(bundle.folder, backend="torch")
    with archives.orthanc(tmp_path, list(FILMS.values())) as url:
        arguments = ["--json", "--identified", "--modality", "DX", "--view", "PA", "--backend", "torch"]
        assert run_command(["predict", str(bundle.folder), url, *arguments]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {row["input"].rpartition("/")[2]: row["probabilities"] for row in rows}
    wanted = [uid for uid in FOUND if uid != "1.2.1.2.1"]
    assert sorted(found) == wanted
    for uid in wanted:
        prediction = predictor.predict_one(FILMS[uid])
        assert prediction.probabilities is not None
        assert list(found[uid].values()) == pytest.approx(prediction.probabilities.tolist(), abs=1e-5)
