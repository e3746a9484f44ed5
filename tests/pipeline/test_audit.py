"""``covidcxr audit`` from a bundle and class folders to its report, in-process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from covidcxr.cli.main import run_command
from covidcxr.core.types import PreprocessSpec
from covidcxr.models.bundle import BundleInfo, NetworkInfo, PreprocessInfo, save_bundle
from covidcxr.models.network import build_network

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
    """Class folders whose COVID-19 films are brighter: exposure gives the class away."""
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
