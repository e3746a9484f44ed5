"""Bundles that are damaged or say what cannot be: each ends as a bundle error and never as a fault of covidcxr."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import bundles
from covidcxr.core.errors import BundleError
from covidcxr.models.bundle import INFO, WEIGHTS, Bundle, write_sums

C = bundles.CLASSES


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return bundles.tiny_bundle(tmp_path / "bundle")


def put(target: dict[str, Any], path: str, value: object) -> None:
    *folders, last = path.split(".")
    for name in folders:
        target = target[name]
    target[last] = value


REFUSED: dict[str, tuple[str, object]] = {
    "crop 0": ("preprocess.crop", 0),
    "crop 1e9": ("preprocess.crop", 1e9),
    "crop NaN": ("preprocess.crop", float("nan")),
    "std -1": ("preprocess.std", -1),
    "std 0": ("preprocess.std", 0),
    "std 1e-300": ("preprocess.std", 1e-300),
    "mean infinite": ("preprocess.mean", float("inf")),
    "size 0": ("preprocess.size", 0),
    "size 1e9": ("preprocess.size", 10**9),
    "channels 2": ("preprocess.channels", 2),
    "region": ("preprocess.region", "head"),
    "temperature 1e-300": ("temperature", 1e-300),
    "temperature 0": ("temperature", 0),
    "temperature NaN": ("temperature", float("nan")),
    "temperature infinite": ("temperature", float("inf")),
    "threshold NaN": ("thresholds", {C[0]: float("nan")}),
    "threshold 2": ("thresholds", {C[0]: 2.0}),
    "threshold of nobody": ("thresholds", {"Gout": 0.5}),
    "one class": ("classes", [C[0]]),
    "class twice": ("classes", [C[0], C[0], C[1]]),
    "class twice but for case": ("classes", ["Normal", "normal ", C[0]]),
    "empty class": ("classes", ["", C[0], C[1]]),
    "blank class": ("classes", ["  ", C[0], C[1]]),
    "class of escapes": ("classes", ["a\x1b[2J", C[0], C[1]]),
    "conformal without a class": ("conformal", {"0.90": {C[0]: 0.5, C[1]: 0.5}}),
    "conformal of nobody": ("conformal", {"0.90": dict.fromkeys((*C, "Gout"), 0.5)}),
    "conformal NaN": ("conformal", {"0.90": dict.fromkeys(C, float("nan"))}),
    "conformal coverage": ("conformal", {"most": 0.5}),
    "conformal coverage of 90": ("conformal", {"90": 0.5}),
    "meaning of nobody": ("meanings", {"Gout": "COVID-19"}),
    "parameters": ("network.num_parameters", -1),
    "format version": ("format_version", 0),
    "format version of words": ("format_version", "new"),
    "operating point": (
        "operating_points",
        [{"label": C[0], "target": 7, "threshold": 0.5, "sensitivity": 1, "specificity": 1, "num_cases": 3}],
    ),
    "operating point of nobody": (
        "operating_points",
        [{"label": "Gout", "target": 0.9, "threshold": 0.5, "sensitivity": 1, "specificity": 1, "num_cases": 3}],
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_every_field_has_a_range_and_is_checked_on_loading(kind: str, bundle: Bundle) -> None:
    document = json.loads((bundle.folder / INFO).read_text())
    put(document, *REFUSED[kind])
    (bundle.folder / INFO).write_text(json.dumps(document))
    write_sums(bundle.folder)
    with pytest.raises(BundleError, match=INFO):
        Bundle.load(bundle.folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b"null", b'{"classes": ', b"[" * 100_000])
def test_a_description_that_is_no_json_object_is_a_bundle_error(content: bytes, bundle: Bundle) -> None:
    (bundle.folder / INFO).write_bytes(content)
    write_sums(bundle.folder)
    with pytest.raises(BundleError):
        Bundle.load(bundle.folder)


def of_type(kind: torch.dtype) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        save_file({name: tensor.to(kind) for name, tensor in load_file(path).items()}, path)

    return change


def header(text: bytes, length: int | None = None) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + bytes(64))

    return change


WEIGHT_FAULTS: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b"") and None,
    "short": lambda path: path.write_bytes(b"\1\2\3") and None,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]) and None,
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(10)) and None,
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 10) and None,
    "header too long": header(b"{}", 1 << 62),
    "header no JSON": header(b"{" * 50),
    "header a list": header(b"[1, 2]"),
    "offsets beyond": header(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,1600]}}'),
    "offsets backwards": header(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}'),
    "shape huge": header(b'{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}'),
    "dtype unknown": header(b'{"a":{"dtype":"Q7","shape":[4],"data_offsets":[0,16]}}'),
    "other names": lambda path: save_file({"a": torch.zeros(3)}, path),
    "half": of_type(torch.float16),
    "double": of_type(torch.float64),
    "integers": of_type(torch.int32),
    "float8": of_type(torch.float8_e4m3fn),
    "booleans": of_type(torch.bool),
}


@pytest.mark.parametrize("kind", WEIGHT_FAULTS)
def test_broken_weights_are_a_bundle_error(kind: str, bundle: Bundle) -> None:
    WEIGHT_FAULTS[kind](bundle.folder / WEIGHTS)
    write_sums(bundle.folder)
    with pytest.raises(BundleError, match=WEIGHTS):
        Bundle.load(bundle.folder).network()


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe" * 40, b"a" * 64 + b"  a\x00b\n", b"f" * 64 + b"  ../x\n", b"words\n"]
)
def test_checksums_that_are_none_are_a_bundle_error(content: bytes, bundle: Bundle) -> None:
    (bundle.folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(BundleError, match="SHA256SUMS"):
        Bundle.load(bundle.folder)


@pytest.mark.parametrize(
    ("name", "options"), [("none-such", {}), ("zhong2020", {"pooling": 3}), ("zhong2020", {"depth": 10**9})]
)
def test_a_network_that_cannot_be_built_is_a_bundle_error(name: str, options: dict[str, Any], bundle: Bundle) -> None:
    document = json.loads((bundle.folder / INFO).read_text())
    document["network"] |= {"name": name, "options": options}
    (bundle.folder / INFO).write_text(json.dumps(document))
    write_sums(bundle.folder)
    with pytest.raises(BundleError):
        Bundle.load(bundle.folder).network()
