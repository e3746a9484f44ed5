"""ONNX: one file that takes images of any size and gives probabilities, for any program with an ONNX runtime.

Without a place to write to, the bundle itself gets ``model.onnx``, the plain network from preprocessed input to
logits, which the predictor's ONNX Runtime backend uses.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.artefacts import atomic_file, refuse_foreign_file
from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.core.no_reports import forbid_reports
from covidcxr.core.notice import NOTICE
from covidcxr.core.types import Radiograph
from covidcxr.export import EXPORTERS
from covidcxr.export.evidence import PARITY, parity_report, seal_file
from covidcxr.export.exporter import check_parity
from covidcxr.export.parity import Judge, Parity, Trial, choose_trial, compare, computed_trial, radiographs
from covidcxr.export.request import NO_GATE, ExportRequest, ExportResult, Input
from covidcxr.imaging.preprocess import preprocess
from covidcxr.models.bundle import INT8, ONNX, Bundle, add_files, refresh_sums

if TYPE_CHECKING:
    from torch import Tensor, nn

    from covidcxr.inference.backends.backend import Precision

Feed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
OPSET = 20
FILM, PROBABILITIES, LOGITS, IMAGES = "film", "probabilities", "logits", "images"
_INT8_OPERATORS = ["MatMul", "Gemm"]  # dense layers: ONNX Runtime's integer convolutions are slower than its floats


@EXPORTERS.register("onnx")
def export_onnx(request: ExportRequest) -> ExportResult:
    """Write a graph to ``request.out``, from images or from preprocessed images to probabilities; or add to the bundle.

    The bundle itself gets ``model.onnx``, or, in eight bits, ``model-int8.onnx``.
    """
    require_onnx()
    if request.variant == "bf16":
        raise BundleError(
            "ONNX Runtime computes no bfloat16 on the CPU; choose --variant int8, or "
            "covidcxr predict --backend openvino --precision bf16"
        )
    if request.out is None:
        return _into_bundle(request) if request.variant == "fp32" else _int8_into_bundle(request)
    out = request.out if request.out.suffix == ".onnx" else request.out / "film.onnx"
    bundle = request.bundle
    refuse_foreign_file(out, is_own=lambda path: path.with_name(f"{path.stem}.{PARITY}").is_file(), what="export")
    trial = choose_trial(request.data, bundle.info.classes)
    with atomic_file(out) as partial:
        write_graph(bundle, partial, request.input)
        if request.variant == "int8":
            _quantize(partial)
        judge = graph_judge(partial, feed_of(bundle, request.input))
        parity = compare(trial, bundle.info.classes, original_probabilities(bundle, trial), judge)
        if request.variant == "fp32":
            check_parity(parity, out)
    seal_file(out, request, parity)
    return ExportResult(path=out, parity=parity, notes=_notes(bundle))


def require_onnx() -> None:
    """Refuse to start without the libraries of the extra.

    Raises:
        MissingExtraError: If one is missing.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "export", "exporting to ONNX")


def write_graph(bundle: Bundle, path: Path, takes: Input = "film") -> None:
    """Write the graph with calibration, and with preprocessing if it takes images, inside.

    Input ``film``: float32 (batch, 1, rows, columns) in [0, 1], bone bright; or ``images``: float32 (batch, 1, S, S)
    as `covidcxr.imaging.preprocess` makes them, one channel for as many equal ones. Outputs ``probabilities`` and
    ``logits``: float32 (batch, classes). Its metadata carry classes, bundle id, preprocessing and notice.

    Raises:
        BundleError: If the preprocessing cannot be part of a graph.
    """
    import torch

    from covidcxr.export.film_network import FilmNetwork, PreparedNetwork

    batch = torch.export.Dim("batch")
    outputs = [PROBABILITIES, LOGITS]
    if takes == "film":
        dynamic = {0: batch, 2: torch.export.Dim("rows"), 3: torch.export.Dim("columns")}
        example = torch.rand(2, 1, 90, 110)
        names = FILM, outputs
        module: nn.Module = FilmNetwork.of(bundle)
    else:
        size = bundle.info.preprocess.size
        dynamic, example, names = {0: batch}, torch.rand(2, 1, size, size), (IMAGES, outputs)
        module = PreparedNetwork(bundle.network(), bundle.info.temperature)
    _write(module, path, example=example, names=names, dynamic=dynamic, metadata=_metadata(bundle))


def feed_of(bundle: Bundle, takes: Input) -> Feed:
    """Return what makes a graph's input, of a batch of one, from an image (H, W)."""
    if takes == "film":
        return film_feed
    spec = bundle.info.preprocess.spec()
    return lambda film: preprocess(Radiograph(pixels=film, origin="film"), spec)[None, :1]


def film_feed(film: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (H, W) as a batch of one."""
    return film[None, None]


def original_probabilities(bundle: Bundle, trial: Trial) -> list[NDArray[np.float32]]:
    """Return what the bundle's own weights say of each image, with torch in fp32 on the CPU."""
    from covidcxr.inference.predictor import Predictor

    predictor = Predictor.load(bundle.folder, backend="torch", device="cpu", batch_size=16, gated=False)
    found = [prediction.probabilities for prediction in predictor.predict(radiographs(trial))]
    return [np.asarray(one) for one in found]


def _into_bundle(request: ExportRequest) -> ExportResult:
    import torch

    bundle = request.bundle
    spec = bundle.info.preprocess.spec()
    example = torch.rand(2, 1, spec.size, spec.size)
    with _trial_copy(bundle) as copy:
        _write(
            bundle.network(),
            copy / ONNX,
            example=example,
            names=(IMAGES, [LOGITS]),
            dynamic={0: torch.export.Dim("batch")},
            metadata=_metadata(bundle),
        )
        parity = _proven(bundle, copy, computed_trial(), backend="onnxruntime")
        check_parity(parity, bundle.folder / ONNX)
        return _keep_in_bundle(request, copy / ONNX, parity)


@contextmanager
def _trial_copy(bundle: Bundle) -> Iterator[Path]:
    """Yield the folder of a copy of the bundle, in which a new file is proven before the bundle itself gets it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(bundle.folder, Path(folder) / "bundle"))


def _proven(bundle: Bundle, copy: Path, trial: Trial, *, backend: str, precision: Precision = "fp32") -> Parity:
    """Return how far the copy, read by ``backend``, strays from the bundle's own weights."""
    from covidcxr.inference.predictor import Predictor

    refresh_sums(copy)
    predictor = Predictor.load(copy, backend=backend, device="cpu", precision=precision, gated=False)
    judged = iter(np.asarray(one.probabilities) for one in predictor.predict(radiographs(trial)))
    return compare(trial, bundle.info.classes, original_probabilities(bundle, trial), lambda film: next(judged))


def _int8_into_bundle(request: ExportRequest) -> ExportResult:
    from covidcxr.export.quantised import calibration_images, write_int8

    bundle = request.bundle
    if request.data is None:
        raise BundleError(
            "the bundle's int8 network is calibrated on training images: give --data DATASET (or --out FILE.onnx for a "
            "graph whose dense weights alone have eight bits)"
        )
    if find_spec("openvino") is None:
        raise MissingExtraError("openvino", "openvino", "the int8 network of a bundle")
    if bundle.onnx_path is None:
        _into_bundle(replace(request, variant="fp32"))
        bundle = Bundle.load(bundle.folder)
    with _trial_copy(bundle) as copy:
        with _quiet():
            write_int8(bundle, calibration_images(bundle, request.data), copy / INT8)
        trial = choose_trial(request.data, bundle.info.classes)
        parity = _proven(bundle, copy, trial, backend="openvino", precision="int8")
        return _keep_in_bundle(request, copy / INT8, parity)


def _keep_in_bundle(request: ExportRequest, made: Path, parity: Parity) -> ExportResult:
    folder = request.bundle.folder
    report = parity_report(replace(request, input="preprocessed"), parity)
    add_files(folder, {made.name: made.read_bytes(), f"{made.stem}.{PARITY}": report.encode()})
    return ExportResult(path=folder / made.name, parity=parity, notes=_notes(request.bundle))


def _write(
    module: nn.Module,
    path: Path,
    *,
    example: Tensor,
    names: tuple[str, list[str]],
    dynamic: dict[int, Any],
    metadata: dict[str, str],
) -> None:
    import torch

    with _quiet(), torch.inference_mode(False), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=names[:1],
            output_names=names[1],
            dynamic_shapes=(dynamic,),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise BundleError(f"{path}: the network could not be expressed as an ONNX graph")
    program.model.metadata_props.update(metadata)
    program.save(path, external_data=False)


def _metadata(bundle: Bundle) -> dict[str, str]:
    info = bundle.info
    return {
        "classes": json.dumps(list(info.classes), ensure_ascii=False),
        "bundle_id": bundle.bundle_id,
        "covidcxr_release": info.release,
        "preprocess": info.preprocess.model_dump_json(),
        "notice": NOTICE,
    }


def graph_judge(path: Path, feed: Feed = film_feed) -> Judge:
    """Return what a graph in a file says of one image, run by ONNX Runtime."""
    forbid_reports()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def judge(film: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([PROBABILITIES], {name: feed(film)})[0][0]
        return found

    return judge


def _quantize(path: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _quiet():
        small = Path(folder) / "int8.onnx"
        model = onnx.load(path)
        del model.graph.value_info[:]  # the exporter's shapes of transposed weights do not survive quantisation
        quantize_dynamic(
            model, small, op_types_to_quantize=_INT8_OPERATORS, weight_type=QuantType.QInt8, per_channel=True
        )
        path.write_bytes(small.read_bytes())


def _notes(bundle: Bundle) -> tuple[str, ...]:
    return (*bundle.info.notes, NO_GATE, NOTICE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' many remarks about themselves from the user's terminal."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "root", "")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
