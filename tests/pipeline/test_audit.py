"""``covidcxr audit`` from a bundle and class folders to its report, in-process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from covidcxr.cli.main import run_command
from covidcxr.core.types import PreprocessSpec
from covidcxr.dataset.dataset import Dataset
from covidcxr.models.build import build_network
from covidcxr.models.bundle import Bundle, save_bundle
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo

CLASSES = ("COVID-19", "Normal")
SIZE = 96


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build_network(
        "haghanifar2020", num_classes=2, preprocess=PreprocessSpec(size=SIZE, channels=1), options={}
    )
    info = BundleInfo(
        name="tiny",
        network=NetworkInfo(name="haghanifar2020", num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=SIZE, channels=1),
    )
    return save_bundle(tmp_path_factory.mktemp("bundles") / "bundle", network, info).folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders whose COVID-19 images are brighter: exposure gives the class away."""
    root = tmp_path_factory.mktemp("films")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for label, level in (("COVID-19", 150), ("Normal", 90)):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(24):
                pixels = np.clip(generator.normal(level, 40, (SIZE, SIZE)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{split}{label}{index}.png")
    return root


@pytest.fixture
def inputs(bundle: Path, folders: Path) -> list[str]:
    return [str(bundle), str(folders)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))


def test_the_audit_writes_its_report_and_prints_the_same_document(
    bundle: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "audit"
    only = ["--only", "intensity", "--only", "border-only", "--only", "source-name"]
    code = run_command(["audit", str(bundle), str(folders), "--out", str(out), "--rounds", "100", "--json", *only])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    written = json.loads((out / "report.json").read_text())
    assert printed == written | {"report": str(out / "report.html")}
    assert [entry["name"] for entry in written["audits"]] == ["intensity", "border-only", "source-name"]
    assert written["audits"][0]["classes"]["COVID-19"]["auroc_left"]["value"] == 1.0
    assert written["verdict"]["value"] in {"doubtful", "not believable"}
    assert written["notice"] == "Research use only, not a diagnosis."
    page = (out / "report.html").read_text()
    assert "Six intensity numbers" in page
    assert "Research use only" in page
    assert (out / "figures" / "audits.svg").is_file()


def test_the_table_names_every_audit_and_the_verdict(
    bundle: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "audit"
    assert (
        run_command(["audit", str(bundle), str(folders), "--out", str(out), "--rounds", "50", "--only", "intensity"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "Six intensity numbers" in shown
    assert "Verdict:" in shown
    assert "Research use only, not a diagnosis." in shown


def test_films_that_cannot_be_read_are_left_out_and_counted(bundle: Path, folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders, tmp_path / "films")
    for split in ("train", "test"):
        (tmp_path / "films" / split / "Normal" / f"{split}Normal0.png").write_bytes(b"no image")
    out = tmp_path / "audit"
    arguments = ["audit", str(bundle), str(tmp_path / "films"), "--out", str(out), "--rounds", "20", "--quiet"]
    assert run_command([*arguments, "--only", "border-only"]) == 0
    cohort = json.loads((out / "report.json").read_text())["cohorts"][0]
    assert cohort["num_images"] == 47
    assert cohort["notes"][0].startswith("1 of 48 images could not be read")


def test_a_folder_where_nothing_can_be_read_is_refused(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in CLASSES:
        (tmp_path / "films" / label).mkdir(parents=True)
        (tmp_path / "films" / label / "a.png").write_bytes(b"no image")
    assert run_command(["audit", str(bundle), str(tmp_path / "films"), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "not one of 2 images can be read" in capsys.readouterr().err


def test_classes_of_other_names_are_mapped_or_refused_with_the_option_that_maps(
    bundle: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folders, tmp_path / "films")
    for split in ("train", "test"):
        (tmp_path / "films" / split / "Normal").rename(tmp_path / "films" / split / "Well")
    out = tmp_path / "audit"
    arguments = ["audit", str(bundle), str(tmp_path / "films"), "--out", str(out), "--rounds", "20", "--quiet"]
    assert run_command([*arguments, "--only", "border-only"]) == 2
    assert "class 'Well' is none of COVID-19, Normal" in (said := capsys.readouterr().err)
    assert "--map Well=CLASS" in said
    assert run_command([*arguments, "--only", "border-only", "--map", "Well=Normal"]) == 0
    assert json.loads((out / "report.json").read_text())["cohorts"][0]["num_images"] == 48


def test_the_images_of_the_training_are_named_as_such(bundle: Path, folders: Path, tmp_path: Path) -> None:
    loaded = Bundle.load(bundle)
    info = loaded.info.model_copy(update={"dataset_digest": Dataset.open(folders, classes=CLASSES).digest})
    own = save_bundle(tmp_path / "bundle", loaded.network(), info).folder
    out = tmp_path / "audit"
    arguments = ["audit", str(own), str(folders), "--out", str(out), "--rounds", "20", "--quiet"]
    assert run_command([*arguments, "--only", "border-only", "--split", "train"]) == 0
    found = json.loads((out / "report.json").read_text())
    assert ("trained-on", "against") in [(finding["rule"], finding["weight"]) for finding in found["findings"]]
    assert found["verdict"]["value"] == "not believable"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "lungs"], "unknown audit 'lungs'"),
        (["--split", "val"], "no image in split 'val'"),
    ],
)
def test_what_cannot_be_audited_is_refused_with_exit_code_2(
    arguments: list[str], words: str, inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "audit"
    assert run_command(["audit", *inputs, "--out", str(out), "--quiet", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
