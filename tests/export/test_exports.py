from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import bundles
import covidcxr.models.bundle as bundle_module
from covidcxr.core.errors import BundleError, OutputError, RegistryError
from covidcxr.core.types import PreprocessSpec
from covidcxr.export import onnx_graph
from covidcxr.export.exporter import check_parity, export_bundle
from covidcxr.export.film_network import FilmNetwork, squeeze_matrix
from covidcxr.export.parity import Parity, compare, computed_trial
from covidcxr.export.request import ExportResult
from covidcxr.imaging.preprocess import finish, squeeze
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle, update_info

pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", temperature=1.5)


@pytest.fixture(scope="module")
def graph(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    return export_bundle(bundle.folder, "onnx", tmp_path_factory.mktemp("onnx") / "film.onnx")


@pytest.fixture(scope="module")
def with_onnx(bundle: Bundle) -> Bundle:
    export_bundle(bundle.folder, "onnx")
    return Bundle.load(bundle.folder)


@pytest.mark.parametrize("crop", [1.0, 0.83])
@pytest.mark.parametrize("shape", [(24, 24), (300, 211), (24, 500), (7, 500), (5, 3), (25, 23), (1, 1)])
def test_squeezing_by_matrices_is_squeezing(shape: tuple[int, int], crop: float) -> None:
    spec = PreprocessSpec(size=24, crop=crop)
    film = np.random.default_rng(1).random(shape).astype(np.float32)
    tensor = torch.from_numpy(film)
    found = squeeze_matrix(tensor[:, 0], spec) @ tensor @ squeeze_matrix(tensor[0], spec).T
    np.testing.assert_allclose(found.numpy(), squeeze(film, 24, crop), atol=1e-5)


@pytest.mark.parametrize("intensity", ["none", "standardize"])
def test_the_graphs_preprocessing_is_the_predictors(intensity: str) -> None:
    spec = PreprocessSpec(size=20, intensity=intensity, mean=0.4, std=0.3)  # type: ignore[arg-type]
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return torch.zeros(len(images), 3)

    film = np.random.default_rng(2).random((64, 50)).astype(np.float32)
    FilmNetwork(Spy(), spec, 1.0)(torch.from_numpy(film)[None, None])
    np.testing.assert_allclose(seen[0][0].numpy(), finish(squeeze(film, 20), spec), atol=1e-4)


def test_histogram_modes_are_refused_for_a_graph(tmp_path: Path) -> None:
    bundle = bundles.tiny_bundle(tmp_path / "bundle")
    changed = bundle.info.model_copy(
        update={"preprocess": bundle.info.preprocess.model_copy(update={"intensity": "clahe"})}
    )
    with pytest.raises(BundleError, match="'clahe' cannot be computed inside a graph"):
        FilmNetwork.of(Bundle(folder=bundle.folder, info=changed, bundle_id="x"))


@pytest.mark.slow
def test_a_film_graph_agrees_with_the_bundle_on_films_of_any_size(graph: ExportResult) -> None:
    assert graph.parity.largest_difference < 1e-4
    assert graph.parity.agreement == 1.0
    assert graph.parity.num_films == 24
    assert graph.document()["notice"] == "Research use only, not a diagnosis."


@pytest.mark.slow
def test_a_film_graph_runs_in_plain_onnxruntime_from_an_image_file(
    graph: ExportResult, bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "film.png").write_bytes(bundles.png(3))
    code = """
import json, sys
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
image = np.asarray(Image.open(sys.argv[2]).convert("L"), np.float32)[None, None] / 255
probabilities, logits = session.run(None, {"film": image})
meta = session.get_modelmeta().custom_metadata_map
assert not {"torch", "covidcxr"} & set(sys.modules)
print(json.dumps({"probabilities": probabilities[0].tolist(), **meta}))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(graph.path), str(tmp_path / "film.png")], capture_output=True, check=True
    )
    found = json.loads(run.stdout)
    expected = Predictor.load(bundle.folder, backend="torch").predict_one(tmp_path / "film.png")
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=1e-4)
    assert json.loads(found["classes"]) == list(bundles.CLASSES)
    assert found["notice"] == "Research use only, not a diagnosis."


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_every_backend_gives_torchs_probabilities(with_onnx: Bundle, backend: str) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    inputs = [bundles.png(number) for number in range(10)]
    found = list(Predictor.load(with_onnx.folder, backend=backend, batch_size=4).predict(inputs))
    expected = list(Predictor.load(with_onnx.folder, backend="torch", batch_size=4).predict(inputs))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)


@pytest.mark.slow
def test_the_bundle_keeps_its_id_and_prefers_onnxruntime_without_torch(with_onnx: Bundle, bundle: Bundle) -> None:
    assert with_onnx.bundle_id == bundle.bundle_id
    code = (
        "import sys; from pathlib import Path; from covidcxr.inference.predictor import Predictor; "
        "p = Predictor.load(sys.argv[1], device='cpu'); r = p.predict_one(Path(sys.argv[1]) / 'none.png'); "
        "assert r.status == 'error' and 'torch' not in sys.modules; print(p.device)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(with_onnx.folder)], capture_output=True, check=True, text=True
    )
    assert "onnxruntime" in run.stdout


@pytest.mark.slow
def test_how_near_an_export_is_stays_beside_it(graph: ExportResult, bundle: Bundle, with_onnx: Bundle) -> None:
    report = json.loads((graph.path.parent / "film.parity.json").read_text())
    assert (report["bundle"], report["variant"], report["input"]) == (bundle.bundle_id, "fp32", "film")
    assert report["parity"] == json.loads(json.dumps(graph.parity.document()))
    check_sums(graph.path.parent / "film.SHA256SUMS", {"film.onnx", "film.parity.json"})
    inside = json.loads((with_onnx.folder / "model.parity.json").read_text())
    assert inside["parity"]["largest_difference"] < 1e-4
    Bundle.load(with_onnx.folder)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_what_no_graph_can_preprocess_is_exported_alone(to: str, tmp_path: Path) -> None:
    if to == "openvino":
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    made = bundles.tiny_bundle(tmp_path / "bundle")
    preprocess_info = made.info.preprocess.model_copy(update={"intensity": "clahe"})
    update_info(made, made.info.model_copy(update={"preprocess": preprocess_info}))
    with pytest.raises(BundleError, match="--input preprocessed"):
        export_bundle(made.folder, to, tmp_path / "film")
    result = export_bundle(made.folder, to, tmp_path / "alone", input="preprocessed")
    assert result.parity.largest_difference < 1e-4
    if to == "onnx":
        session = onnxruntime.InferenceSession(tmp_path / "alone" / "film.onnx")
        assert [one.name for one in session.get_inputs()] == ["images"]
        assert json.loads(session.get_modelmeta().custom_metadata_map["preprocess"])["intensity"] == "clahe"


@pytest.mark.slow
def test_an_int8_network_runs_by_its_own_precision_and_its_change_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    made = bundles.tiny_bundle(tmp_path / "bundle")
    data = tmp_path / "data"
    for number in range(24):
        split, name = ("train", "val", "test")[number // 8], bundles.CLASSES[number % 3]
        (data / split / name).mkdir(parents=True, exist_ok=True)
        (data / split / name / f"{number}.png").write_bytes(bundles.png(number))
    with pytest.raises(BundleError, match="no model-int8.onnx; run: covidcxr export"):
        Predictor.load(made.folder, precision="int8")
    result = export_bundle(made.folder, "onnx", variant="int8", data=data)
    assert result.parity.films == "data"
    assert 0.0 < result.parity.largest_difference < 0.1
    inputs = [bundles.png(number) for number in range(40, 50)]
    small = Predictor.load(made.folder, precision="int8")
    assert small.device.startswith("cpu (int8, openvino")
    assert small.backend.is_rounded
    assert not Predictor.load(made.folder, backend="openvino").backend.is_rounded
    assert small.bundle.bundle_id == made.bundle_id
    for one, other in zip(
        small.predict(inputs), Predictor.load(made.folder, backend="torch").predict(inputs), strict=True
    ):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.1)
    assert json.loads((made.folder / "model-int8.parity.json").read_text())["variant"] == "int8"


def test_pooling_after_the_activation_changes_nothing() -> None:
    onnx = pytest.importorskip("onnx")
    from covidcxr.export.quantised import activate_before_pooling

    make = onnx.helper.make_node
    tensors = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("x", "y")]
    nodes = [make("MaxPool", ["x"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]), make("Elu", ["pooled"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "pool", tensors[:1], tensors[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    film = np.random.default_rng(0).normal(size=(1, 1, 8, 8)).astype(np.float32)
    before = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": film})[0]
    activate_before_pooling(model)
    assert [node.op_type for node in model.graph.node] == ["Elu", "MaxPool"]
    after = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": film})[0]
    np.testing.assert_array_equal(before, after)


@pytest.mark.slow
def test_int8_is_smaller_and_its_change_is_measured(bundle: Bundle, graph: ExportResult, tmp_path: Path) -> None:
    small = export_bundle(bundle.folder, "onnx", tmp_path / "int8.onnx", variant="int8")
    assert small.path.stat().st_size < 0.5 * graph.path.stat().st_size
    assert 0.0 < small.parity.largest_difference < 0.2


@pytest.mark.parametrize("to", ["openvino", "monai"])
def test_an_export_never_replaces_a_folder_of_other_things(to: str, bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip(to, reason=f"the extra `{to}` is not installed")
    (tmp_path / "film.png").write_bytes(b"years of work")
    with pytest.raises(OutputError, match="holds files, but no .* that could be replaced"):
        export_bundle(bundle.folder, to, tmp_path)
    assert (tmp_path / "film.png").is_file()


@pytest.mark.slow
def test_openvino_agrees_with_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    result = export_bundle(bundle.folder, "openvino", tmp_path / "model")
    assert result.parity.largest_difference < 1e-4
    names = {"model.xml", "model.bin", "classes.txt", "NOTICE.txt", "parity.json", "SHA256SUMS"}
    assert {path.name for path in result.path.iterdir()} == names
    check_sums(result.path / "SHA256SUMS", names - {"SHA256SUMS"})
    assert json.loads((result.path / "parity.json").read_text())["bundle"] == bundle.bundle_id


@pytest.fixture(scope="module")
def monai_bundle(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    return export_bundle(bundle.folder, "monai", tmp_path_factory.mktemp("monai") / "tiny").path


def check_sums(sums: Path, names: set[str]) -> None:
    run = subprocess.run(["sha256sum", "--check", "--quiet", sums.name], cwd=sums.parent, check=False)
    assert run.returncode == 0
    assert {line.partition("  ")[2] for line in sums.read_text().splitlines()} == names


# docs/source/mb_specification.rst of Project-MONAI/MONAI: "The mandatory keys", "at least these keys".
_TENSOR_KEYS = ["type", "format", "modality", "num_channels", "spatial_shape", "dtype", "value_range"]
_TENSORS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "required": [*_TENSOR_KEYS, "is_patch_data", "channel_def"],
        "properties": {
            "type": {"enum": ["image", "series", "tuples", "probabilities"]},
            "num_channels": {"type": "integer", "minimum": 1},
            "spatial_shape": {"type": "array"},
            "value_range": {"type": "array", "maxItems": 2},
            "is_patch_data": {"type": "boolean"},
            "channel_def": {"type": "object"},
        },
    },
}
_META_KEYS = ["version", "monai_version", "pytorch_version", "numpy_version", "optional_packages_version", "task"]
MONAI_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": [*_META_KEYS, "description", "authors", "copyright", "network_data_format"],
    "properties": {
        **{name: {"type": "string"} for name in ("version", "monai_version", "task", "description", "authors")},
        "optional_packages_version": {"type": "object"},
        "changelog": {"type": "object"},
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {"inputs": _TENSORS, "outputs": _TENSORS},
        },
    },
}


def monai(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", *arguments]
    environment = {**os.environ, "PYTHONPATH": "."}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_monai_runs_the_bundle_with_the_predictors_results(monai_bundle: Path, bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("fire", reason="the extra `monai` is not installed")
    films = tmp_path / "films"
    films.mkdir()
    for number in range(3):
        (films / f"{number}.png").write_bytes(bundles.png(number))
    places = ("--bundle_root", ".", "--dataset_dir", str(films), "--output_dir", str(tmp_path / "out"))
    run = monai(monai_bundle, "run", "--config_file", "configs/inference.json", *places)
    assert run.returncode == 0, run.stderr
    with (tmp_path / "out" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = list(Predictor.load(bundle.folder, backend="torch").predict(sorted(films.iterdir())))
    for row, prediction in zip(rows, expected, strict=True):
        found = [float(row[f"probability/{name}"]) for name in bundles.CLASSES]
        np.testing.assert_allclose(found, prediction.probabilities, atol=1e-4)


@pytest.mark.slow
def test_monai_verifies_the_networks_input_and_output(monai_bundle: Path) -> None:
    pytest.importorskip("fire", reason="the extra `monai` is not installed")
    files = ("--meta_file", "configs/metadata.json", "--config_file", "configs/inference.json")
    run = monai(monai_bundle, "verify_net_in_out", "network_def", *files, "--device", "cpu", "--any", "64")
    assert run.returncode == 0, run.stderr
    assert "verified with no error" in run.stderr + run.stdout


@pytest.mark.slow
def test_monai_verifies_the_metadata(monai_bundle: Path, tmp_path: Path) -> None:
    """With a schema of ours after the specification's lists: MONAI would download its own."""
    pytest.importorskip("fire", reason="the extra `monai` is not installed")
    pytest.importorskip("jsonschema")
    (tmp_path / "schema.json").write_text(json.dumps(MONAI_SCHEMA))
    places = ("--meta_file", "configs/metadata.json", "--filepath", str(tmp_path / "schema.json"))
    run = monai(monai_bundle, "verify_metadata", *places)
    assert run.returncode == 0, run.stderr
    assert "metadata is verified with no error" in run.stderr + run.stdout
    metadata = json.loads((monai_bundle / "configs" / "metadata.json").read_text())
    del metadata["network_data_format"]["inputs"]["image"]["dtype"]
    (monai_bundle / "configs" / "metadata.json").with_name("broken.json").write_text(json.dumps(metadata))
    places = ("--meta_file", "configs/broken.json", *places[2:])
    broken = monai(monai_bundle, "verify_metadata", *places)
    (monai_bundle / "configs" / "broken.json").unlink()
    assert broken.returncode != 0


@pytest.mark.slow
def test_the_monai_bundle_holds_no_pickle(monai_bundle: Path) -> None:
    names = sorted(path.relative_to(monai_bundle).as_posix() for path in monai_bundle.rglob("*") if path.is_file())
    assert names == [
        "SHA256SUMS",
        "configs/inference.json",
        "configs/metadata.json",
        "docs/MODEL_CARD.md",
        "docs/README.md",
        "docs/license.txt",
        "models/film.onnx",
        "parity.json",
        "scripts/__init__.py",
        "scripts/film_network.py",
        "scripts/predict.py",
    ]


@pytest.mark.slow
def test_the_monai_bundle_says_that_no_gate_is_inside(monai_bundle: Path) -> None:
    assert "No input gate is inside" in (monai_bundle / "docs" / "README.md").read_text(encoding="utf-8")


def test_formats_and_variants_that_do_not_exist_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="unknown export format 'onix'; did you mean 'onnx'"):
        export_bundle(bundle.folder, "onix", tmp_path / "x")
    with pytest.raises(BundleError, match="no bfloat16"):
        export_bundle(bundle.folder, "onnx", tmp_path / "x", variant="bf16")
    with pytest.raises(BundleError, match="--data DATASET"):
        export_bundle(bundle.folder, "onnx", variant="int8")
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    with pytest.raises(BundleError, match="preprocesses images itself"):
        export_bundle(bundle.folder, "monai", tmp_path / "x", input="preprocessed")


def test_an_export_that_strays_is_not_kept() -> None:
    parity = Parity(
        films="computed", num_films=3, largest_difference=0.01, mean_difference=0.001, agreement=1.0, auroc={}
    )
    with pytest.raises(BundleError, match=r"differ from the bundle's by up to 0\.01"):
        check_parity(parity, "film.onnx")


def test_the_bundle_keeps_its_proven_file_when_a_new_one_strays_or_the_writing_is_killed(
    with_onnx: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(with_onnx.folder, tmp_path / "bundle"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    strayed = Parity(
        films="computed", num_films=3, largest_difference=0.5, mean_difference=0.1, agreement=1.0, auroc={}
    )
    monkeypatch.setattr(onnx_graph, "_proven", lambda *_, **__: strayed)
    with pytest.raises(BundleError, match="the export is not kept"):
        export_bundle(folder, "onnx")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_module, "refresh_sums", killed)
    with pytest.raises(KeyboardInterrupt):
        bundle_module.add_files(folder, {"model.onnx": b"half a file"})
    assert Bundle.load(folder).onnx_path is None  # a file that nobody listed is not read, and the bundle is not refused


def test_parity_measures_difference_agreement_and_auroc() -> None:
    trial = computed_trial(num_films=2)
    labelled = type(trial)(name="two", films=trial.films, labels=("A", "B"))
    answers = iter([np.array([0.6, 0.4], np.float32), np.array([0.7, 0.3], np.float32)])
    original = [np.array([0.9, 0.1], np.float32), np.array([0.4, 0.6], np.float32)]
    parity = compare(labelled, ("A", "B"), original, lambda film: next(answers))
    assert parity.largest_difference == pytest.approx(0.3)
    assert parity.agreement == 0.5
    assert parity.auroc == {"A": (1.0, 0.0), "B": (1.0, 0.0)}


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_told(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        export_bundle(bundle.folder, "onnx", tmp_path / "file" / "film.onnx")
