from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from covidcxr.core.errors import BundleError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models import bundle as bundles
from covidcxr.models.build import build_network
from covidcxr.models.bundle import Bundle, save_bundle, update_info
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo
from covidcxr.models.network import ChestNetwork

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def tiny_network() -> ChestNetwork:
    torch.manual_seed(0)
    spec = PreprocessSpec(size=16, channels=3)
    return build_network("zhong2020", num_classes=3, preprocess=spec, options={"pooling": "average"})


def tiny_info(network: ChestNetwork, **fields: object) -> BundleInfo:
    return BundleInfo(
        name="tiny",
        network=NetworkInfo(name="zhong2020", options={"pooling": "average"}, num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=16, channels=3),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    network = tiny_network()
    return save_bundle(tmp_path_factory.mktemp("run") / "bundle", network, tiny_info(network, notes=("Mind the age.",)))


def copy_of(saved: Bundle, folder: Path) -> Path:
    target = folder / "bundle"
    target.mkdir()
    for path in saved.folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_a_saved_network_comes_back_with_the_same_outputs(saved: Bundle) -> None:
    images = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(Bundle.load(saved.folder).network()(images), tiny_network().eval()(images))


def test_its_card_says_research_use_only_and_the_notes(saved: Bundle) -> None:
    card = (saved.folder / "MODEL_CARD.md").read_text()
    assert "Research use only, not a diagnosis." in card
    assert "Mind the age." in card


def test_an_altered_file_is_refused_by_name(saved: Bundle, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(BundleError, match=r"model\.safetensors: SHA-256 is"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "bundle.json", "SHA256SUMS"])
def test_a_missing_file_is_refused_by_name(saved: Bundle, tmp_path: Path, name: str) -> None:
    folder = copy_of(saved, tmp_path)
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        Bundle.load(folder)


def test_a_newer_format_is_refused(saved: Bundle, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    content = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**content, "format_version": 99}))
    bundles.write_sums(folder)
    with pytest.raises(BundleError, match="format version 99"):
        Bundle.load(folder)


def test_a_sums_line_that_leaves_the_folder_is_refused(saved: Bundle, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    with (folder / "SHA256SUMS").open("a") as stream:
        stream.write("0" * 64 + "  ../../etc/passwd\n")
    with pytest.raises(BundleError, match="cannot understand"):
        Bundle.load(folder)


def test_weights_of_another_shape_are_refused(saved: Bundle, tmp_path: Path) -> None:
    folder = copy_of(saved, tmp_path)
    content = json.loads((folder / "bundle.json").read_text())
    content["preprocess"]["size"] = 32
    (folder / "bundle.json").write_text(json.dumps(content))
    bundles.write_sums(folder)
    with pytest.raises(BundleError, match="does not fit network 'zhong2020'"):
        Bundle.load(folder).network()


def test_calibration_changes_the_id_and_nothing_else(saved: Bundle, tmp_path: Path) -> None:
    bundle = Bundle.load(copy_of(saved, tmp_path))
    updated = update_info(bundle, bundle.info.model_copy(update={"temperature": 1.7}))
    assert updated.bundle_id != bundle.bundle_id
    assert Bundle.load(bundle.folder).info.temperature == 1.7


def test_reading_a_bundle_does_not_import_torch(saved: Bundle) -> None:
    code = (
        "import sys; from covidcxr.models.bundle import Bundle; "
        f"Bundle.load({str(saved.folder)!r}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_dataset_given_for_a_bundle_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  images/test/Normal/film.jpg\n")
    with pytest.raises(BundleError, match="of a training run, not a dataset"):
        Bundle.load(tmp_path)
