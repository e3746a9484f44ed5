"""The real Kaggle client against a local server that answers as Kaggle does; runs where the extra is installed."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.sources.fetch import fetch_source
from covidcxr.sources.lookup import read_source

kaggle_env = pytest.importorskip("kagglesdk.kaggle_env", reason="the extra kaggle is not installed")
pytest.importorskip("kagglehub", reason="the extra kaggle is not installed")

FILES = (
    "chest_xray/train/NORMAL/IM-0001-0001.jpeg",
    "chest_xray/train/PNEUMONIA/person1_virus_6.jpeg",
    "chest_xray/test/NORMAL/IM-0003-0001.jpeg",
    "chest_xray/test/PNEUMONIA/person2_virus_1.jpeg",
    "chest_xray/__MACOSX/train/NORMAL/._IM-0001-0001.jpeg",
)


@dataclass
class Kaggle:
    requests: list[dict[str, object]] = field(default_factory=list)
    refuses: bool = False


def kaggle_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in FILES:
            archive.writestr(name, name)
    return buffer.getvalue()


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """Serve the two requests that the client makes: the service call, and the file it is redirected to."""
    kaggle = Kaggle()
    data = kaggle_archive()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kaggle.requests.append(body)
            self.send_response(403 if kaggle.refuses else 302)
            self.send_header("Location", f"{url}/archive.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, url)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-account"))
    yield kaggle
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_real_client_fetches_the_pinned_version(kaggle: Kaggle, tmp_path: Path) -> None:
    fetch_source("chest-xray-pneumonia", tmp_path / "sources")
    (request,) = kaggle.requests
    assert (request["ownerSlug"], request["datasetSlug"], request["datasetVersionNumber"]) == (
        "paultimothymooney",
        "chest-xray-pneumonia",
        2,
    )
    listing = read_source("chest-xray-pneumonia", tmp_path / "sources")
    assert (len(listing.records), listing.problems, listing.version) == (4, (), "Kaggle version 2")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_refusal_of_the_real_client_is_one_sentence(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.refuses = True
    with pytest.raises(SourceError, match=r"versions/2: could not be downloaded \(403.*Kaggle account") as caught:
        fetch_source("chest-xray-pneumonia", tmp_path / "sources")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sources/chest-xray-pneumonia").exists()
