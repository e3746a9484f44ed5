"""A MONAI bundle: configs, the image graph and two small scripts; runs with ``python -m monai.bundle run``.

It holds no pickle and does not need covidcxr. Its layout and metadata follow the MONAI Bundle specification.
"""

from __future__ import annotations

import json
import shutil
from importlib import metadata, resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.core.notice import NOTICE
from covidcxr.core.version import release
from covidcxr.export import EXPORTERS
from covidcxr.export.evidence import licence, seal_folder
from covidcxr.export.exporter import check_parity
from covidcxr.export.onnx_graph import graph_judge, original_probabilities, require_onnx, write_graph
from covidcxr.export.parity import choose_trial, compare
from covidcxr.export.request import NO_GATE, ExportRequest, ExportResult
from covidcxr.models.bundle import Bundle
from covidcxr.models.card import model_card

_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
_SCRIPTS = ("__init__.py", "film_network.py", "predict.py")
_README = """# {title}

{notice}

A MONAI bundle exported by covidcxr from bundle {bundle_id}. From this folder:

    PYTHONPATH=. python -m monai.bundle run --config_file configs/inference.json \\
        --bundle_root . --dataset_dir FOLDER_OF_FILMS --output_dir OUT

writes OUT/predictions.csv. Images are 8-bit images (PNG, JPEG), bone bright; for DICOM use covidcxr itself, whose
reader follows the standard's grayscale pipeline. It needs monai, torch, onnxruntime, pillow and fire.

{no_gate}
"""


@EXPORTERS.register("monai")
def export_monai(request: ExportRequest) -> ExportResult:
    """Write the folder of a MONAI bundle."""
    require_onnx()
    if find_spec("monai") is None:
        raise MissingExtraError("monai", "monai", "exporting a MONAI bundle")
    if request.out is None or request.variant != "fp32":
        raise BundleError("a MONAI bundle needs a folder of its own and keeps fp32; give --out FOLDER")
    if request.input != "film":
        raise BundleError("a MONAI bundle preprocesses images itself; for the network alone give --to onnx")
    check_place(request.out, "configs/metadata.json", "MONAI bundle")
    bundle = request.bundle
    trial = choose_trial(request.data, bundle.info.classes)
    with atomic_directory(request.out) as partial:
        for name in ("configs", "models", "scripts", "docs"):
            (partial / name).mkdir()
        graph = partial / "models" / "film.onnx"
        write_graph(bundle, graph)
        parity = compare(trial, bundle.info.classes, original_probabilities(bundle, trial), graph_judge(graph))
        check_parity(parity, request.out)
        _write_json(partial / "configs" / "metadata.json", bundle_metadata(bundle))
        _write_json(partial / "configs" / "inference.json", inference_config(bundle))
        _copy_scripts(partial / "scripts")
        readme = _README.format(
            title=bundle.info.title or bundle.info.name, notice=NOTICE, bundle_id=bundle.bundle_id, no_gate=NO_GATE
        )
        (partial / "docs" / "README.md").write_text(readme, encoding="utf-8")
        (partial / "docs" / "MODEL_CARD.md").write_text(model_card(bundle.info), encoding="utf-8")
        (partial / "docs" / "license.txt").write_text(licence(bundle), encoding="utf-8")
        seal_folder(partial, request, parity)
    return ExportResult(path=request.out, parity=parity, notes=(*bundle.info.notes, NO_GATE, NOTICE))


def bundle_metadata(bundle: Bundle) -> dict[str, Any]:
    """Return metadata.json, as the MONAI Bundle specification lists it."""
    info = bundle.info
    return {
        "schema": _SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported by covidcxr {release()} from bundle {bundle.bundle_id}"},
        "monai_version": metadata.version("monai"),
        "pytorch_version": metadata.version("torch").partition("+")[0],
        "numpy_version": metadata.version("numpy"),
        "required_packages_version": {"onnxruntime": metadata.version("onnxruntime")},
        "optional_packages_version": {},
        "name": info.title or info.name,
        "task": "Classification of chest radiographs",
        "description": f"Probabilities of {', '.join(info.classes)} for a frontal chest radiograph. {NOTICE}",
        "authors": "exported by covidcxr",
        "copyright": "see docs/license.txt and docs/MODEL_CARD.md",
        "intended_use": NOTICE,
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "DX",
                    "num_channels": 1,
                    "spatial_shape": ["*", "*"],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": {"0": "image, bone bright"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "probabilities",
                    "format": "classes",
                    "modality": "n/a",
                    "num_channels": len(info.classes),
                    "spatial_shape": [],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": {str(position): name for position, name in enumerate(info.classes)},
                }
            },
        },
    }


def inference_config(bundle: Bundle) -> dict[str, Any]:
    """Return inference.json: what to import, the network, the transforms, and what ``run`` does."""
    return {
        "imports": ["$from scripts.predict import predict", "$import monai"],
        "bundle_root": ".",
        "dataset_dir": "films",
        "output_dir": "out",
        "device": "cpu",
        "classes": list(bundle.info.classes),
        "network_def": {
            "_target_": "scripts.film_network.FilmNetwork",
            "path": "$@bundle_root + '/models/film.onnx'",
        },
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "LoadImaged",
                    "keys": "image",
                    "reader": "$monai.data.PILReader(lambda image: image.convert('L'), reverse_indexing=False)",
                    "image_only": True,
                },
                {"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": "no_channel"},
                {
                    "_target_": "ScaleIntensityRanged",
                    "keys": "image",
                    "a_min": 0,
                    "a_max": 255,
                    "b_min": 0,
                    "b_max": 1,
                },
            ],
        },
        "run": [
            "$predict(@network_def, @preprocessing, dataset_dir=@dataset_dir, output_dir=@output_dir, classes=@classes)"
        ],
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _copy_scripts(folder: Path) -> None:
    package = resources.files("covidcxr.export") / "_monai_scripts"
    for name in _SCRIPTS:
        with resources.as_file(package / name) as source:
            shutil.copyfile(source, folder / name)
