"""The real Kaggle client against a local server that answers as Kaggle does; runs where the extra is installed.

The client runs in a process of its own: it leaves connections open, which here would be another test's warning.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from covidcxr.sources.lookup import read_source
from covidcxr.sources.phantoms import SIIM_IMAGE_HEADER, SIIM_STUDY_HEADER

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("kagglehub") is None, reason="the extra kaggle is not installed"
)

FILES = (
    "chest_xray/train/NORMAL/IM-0001-0001.jpeg",
    "chest_xray/train/PNEUMONIA/person1_virus_6.jpeg",
    "chest_xray/test/NORMAL/IM-0003-0001.jpeg",
    "chest_xray/test/PNEUMONIA/person2_virus_1.jpeg",
    "chest_xray/__MACOSX/train/NORMAL/._IM-0001-0001.jpeg",
)
FETCH = """
import sys
from kagglesdk import kaggle_env
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = sys.argv[1]
from covidcxr.cli.main import run_command
sys.exit(run_command(["sources", "fetch", sys.argv[3], "--sources", sys.argv[2], "--quiet"]))
"""


@dataclass
class Kaggle:
    requests: list[dict[str, object]] = field(default_factory=list)
    refuses: bool = False
    url: str = ""


COMPETITION = {
    "train_study_level.csv": f"{SIIM_STUDY_HEADER}\nst_study,0,1,0,0\n",
    "train_image_level.csv": f"{SIIM_IMAGE_HEADER}\nim_image,,none 1 0 0 1 1,st\n",
    "train/st/se/im.dcm": "a DICOM file",
    "test/st2/se/im2.dcm": "a DICOM file without a label",
    "sample_submission.csv": "id,PredictionString\n",
}


def kaggle_archive(content: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture
def kaggle() -> Iterator[Kaggle]:
    """Serve the two requests that the client makes: the service call, and the file it is redirected to."""
    kaggle = Kaggle()
    archives = {
        True: kaggle_archive(COMPETITION),
        False: kaggle_archive({name: name for name in FILES}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kaggle.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(403 if kaggle.refuses else 302)
            self.send_header("Location", f"{kaggle.url}/archive.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            data = archives["competitionName" in kaggle.requests[-1]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kaggle.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield kaggle
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(kaggle: Kaggle, folder: Path, source: str = "chest-xray-pneumonia") -> subprocess.CompletedProcess[str]:
    account = {"KAGGLE_USERNAME": "somebody", "KAGGLE_KEY": "0" * 32}  # competitions ask for one
    own = {**account, "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "KAGGLEHUB_CACHE": str(folder / "cache")}
    environment = {**os.environ, **own, "KAGGLE_CONFIG_DIR": str(folder / "no-account")}
    command = [sys.executable, "-c", FETCH, kaggle.url, str(folder / "sources"), source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_real_client_fetches_the_pinned_version(kaggle: Kaggle, tmp_path: Path) -> None:
    done = fetch(kaggle, tmp_path)
    assert done.returncode == 0, done.stderr
    (request,) = kaggle.requests
    assert (request["ownerSlug"], request["datasetSlug"], request["datasetVersionNumber"]) == (
        "paultimothymooney",
        "chest-xray-pneumonia",
        2,
    )
    listing = read_source("chest-xray-pneumonia", tmp_path / "sources")
    assert (len(listing.records), listing.problems, listing.version) == (4, (), "Kaggle version 2")


def test_a_refusal_of_the_real_client_is_one_sentence_and_exit_code_2(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.refuses = True
    done = fetch(kaggle, tmp_path)
    assert done.returncode == 2
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("covidcxr: ")]
    assert "versions/2: could not be downloaded (403" in sentence
    assert "Kaggle account" in sentence
    assert not (tmp_path / "sources/chest-xray-pneumonia").exists()


def test_a_competition_gives_its_tables_and_training_images_and_nothing_else(kaggle: Kaggle, tmp_path: Path) -> None:
    done = fetch(kaggle, tmp_path, "siim-covid19")
    assert done.returncode == 0, done.stderr
    assert kaggle.requests[-1]["competitionName"] == "siim-covid19-detection"
    home = tmp_path / "sources" / "siim-covid19-detection"
    files = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert {"train_study_level.csv", "train_image_level.csv", "train/st/se/im.dcm"} <= files
    assert not any(name.startswith(("test/", "sample_submission")) for name in files)
    (record,) = read_source("siim-covid19", tmp_path / "sources").records
    assert record.label == "Typical Appearance"


def test_a_competition_whose_rules_are_not_accepted_says_so(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.refuses = True
    done = fetch(kaggle, tmp_path, "siim-covid19")
    assert done.returncode == 2
    assert "has accepted the rules at https://www.kaggle.com/c/siim-covid19-detection/rules" in done.stderr
