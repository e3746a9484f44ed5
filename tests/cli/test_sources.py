from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.sources import SOURCES
from covidcxr.sources.phantoms import write_phantom_sources


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "sources"
    return write_phantom_sources(folder, num_covid=10, num_normal=8, num_pneumonia=8, size=32)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("COVIDCXR_MIRROR", f"http://127.0.0.1:{server.server_address[1]}")
    yield files
    server.shutdown()
    server.server_close()
    thread.join()


def covid_archive(root: Path) -> tuple[str, bytes]:
    plan = SOURCES.get("covid-chestxray-dataset").plan
    assert plan is not None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted((root / "covid-chestxray-dataset").rglob("*")):
            if path.is_file():
                archive.write(path, f"top/{path.relative_to(root / 'covid-chestxray-dataset')}")
    return f"/github/{plan.archives[0].path}", buffer.getvalue()


def test_list_shows_counts_licence_citation_and_problems(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["sources", "list", "--sources", str(root)]) == 0
    out = capsys.readouterr().out
    assert "SYNTHETIC" in out
    assert "COVID-19 9 (6)" in out
    assert "no-file 2, no-metadata 1" in out
    assert "licence: CC BY 4.0" in out
    assert "arXiv:2003.11597" in out


def test_list_as_json_has_every_source_with_its_counts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["sources", "list", "--sources", str(root), "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["root"], document["synthetic"], captured.err) == (str(root), True, "")
    by_name = {entry["name"]: entry for entry in document["sources"]}
    assert sorted(by_name) == SOURCES.names()
    assert by_name["covid-chestxray-dataset"]["frontal"]["COVID-19"] == 6
    assert by_name["covid-chestxray-dataset"]["problems"] == {"no-file": 2, "no-metadata": 1}
    assert (by_name["figure1"]["rows"], by_name["figure1"]["files"], by_name["figure1"]["images"]) == (2, 2, 2)
    assert by_name["chest-xray-pneumonia"]["labels"] == {"Normal": 8, "Pneumonia": 8}


def test_list_with_nothing_anywhere_says_how_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COVIDCXR_SOURCES", raising=False)
    assert run_command(["sources", "list", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("No sources found")
    assert "covidcxr sources fetch figure1" in out


def test_a_missing_sources_folder_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["sources", "list", "--sources", "/nowhere/at/all"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("covidcxr: /nowhere/at/all: no such folder (--sources)")
    assert err.count("\n") == 1


def test_one_broken_source_is_said_and_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_phantom_sources(tmp_path / "s", num_covid=5, num_normal=4, num_pneumonia=4, size=32)
    (root / "Figure1-COVID-chestxray-dataset" / "metadata.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert run_command(["sources", "list", "--sources", str(root), "--quiet"]) == 2
    captured = capsys.readouterr()
    assert "no column 'patientid'" in captured.err
    assert "COVID-19 6 (3)" in captured.out


def test_fetch_brings_a_source_that_list_then_shows(
    root: Path, mirror: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = covid_archive(root)
    mirror[path] = data
    place = tmp_path / "new" / "sources"
    assert (
        run_command(["sources", "fetch", "covid-chestxray-dataset", "--sources", str(place), "--quiet", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["folders"] == {
        "covid-chestxray-dataset": str(place / "covid-chestxray-dataset")
    }
    assert run_command(["sources", "list", "--sources", str(place), "--json"]) == 0
    by_name = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["sources"]}
    assert by_name["covid-chestxray-dataset"]["labels"]["COVID-19"] == 9
    assert by_name["covid-chestxray-dataset"]["version"].startswith("commit 6a42423")


@pytest.mark.parametrize(
    ("name", "words"),
    [("figure1", "refused with HTTP 404"), ("figure2", "did you mean 'figure1'")],
)
def test_a_fetch_that_cannot_be_is_one_sentence_and_exit_code_2(
    name: str, words: str, mirror: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["sources", "fetch", name, "--sources", str(tmp_path), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_without_a_network_fetch_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COVIDCXR_MIRROR", "http://127.0.0.1:9")
    assert run_command(["sources", "fetch", "figure1", "--sources", str(tmp_path), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "127.0.0.1:9: cannot be reached" in err
    assert err.count("\n") == 1
