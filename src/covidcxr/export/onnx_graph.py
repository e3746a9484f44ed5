"""ONNX: one file that takes films of any size and gives probabilities, for any program with an ONNX runtime.

Without a place to write to, the bundle itself gets ``model.onnx``, the plain network from preprocessed input to
logits, which the predictor's ONNX Runtime backend uses.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.artefacts import atomic_file
from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.export import EXPORTERS
from covidcxr.export.exporter import NO_GATE, ExportRequest, ExportResult, check_parity
from covidcxr.export.parity import Judge, Trial, choose_trial, compare, computed_trial, radiographs
from covidcxr.models.bundle import NOTICE, ONNX, Bundle, refresh_sums

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 20
FILM, PROBABILITIES, LOGITS, IMAGES = "film", "probabilities", "logits", "images"
_INT8_OPERATORS = ["MatMul", "Gemm"]  # dense layers: ONNX Runtime's integer convolutions are slower than its floats


@EXPORTERS.register("onnx")
def export_onnx(request: ExportRequest) -> ExportResult:
    """Write a film-to-probabilities graph to ``request.out``, or add ``model.onnx`` to the bundle."""
    require_onnx()
    if request.variant == "bf16":
        raise BundleError(
            "ONNX Runtime computes no bfloat16 on the CPU; choose --variant int8, or "
            "covidcxr predict --backend openvino --precision bf16"
        )
    if request.out is None:
        if request.variant != "fp32":
            raise BundleError("the bundle's own model.onnx keeps fp32; give --out FILE.onnx for another variant")
        return _into_bundle(request.bundle)
    out = request.out if request.out.suffix == ".onnx" else request.out / "film.onnx"
    bundle = request.bundle
    trial = choose_trial(request.data, bundle.info.classes)
    with atomic_file(out) as partial:
        write_film_graph(bundle, partial)
        if request.variant == "int8":
            _quantize(partial)
        judge = film_judge(partial)
        parity = compare(trial, bundle.info.classes, original_probabilities(bundle, trial), judge)
        if request.variant == "fp32":
            check_parity(parity, out)
    return ExportResult(path=out, parity=parity, notes=_notes(bundle))


def require_onnx() -> None:
    """Refuse to start without the libraries of the extra.

    Raises:
        MissingExtraError: If one is missing.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "export", "exporting to ONNX")


def write_film_graph(bundle: Bundle, path: Path) -> None:
    """Write the graph with preprocessing and calibration inside.

    Input ``film``: float32 (batch, 1, rows, columns) in [0, 1], bone bright. Outputs ``probabilities`` and
    ``logits``: float32 (batch, classes). Its metadata carry classes, bundle id and notice.

    Raises:
        BundleError: If the preprocessing cannot be part of a graph.
    """
    import torch

    from covidcxr.export.film_network import FilmNetwork

    dynamic = {0: torch.export.Dim("batch"), 2: torch.export.Dim("rows"), 3: torch.export.Dim("columns")}
    example = torch.rand(2, 1, 90, 110)
    names = FILM, [PROBABILITIES, LOGITS]
    _write(FilmNetwork.of(bundle), path, example=example, names=names, dynamic=dynamic, metadata=_metadata(bundle))


def original_probabilities(bundle: Bundle, trial: Trial) -> list[NDArray[np.float32]]:
    """Return what the bundle's own weights say of each film, with torch in fp32 on the CPU."""
    from covidcxr.inference.predictor import Predictor

    predictor = Predictor.load(bundle.folder, backend="torch", device="cpu", batch_size=16, gated=False)
    found = [prediction.probabilities for prediction in predictor.predict(radiographs(trial))]
    return [np.asarray(one) for one in found]


def _into_bundle(bundle: Bundle) -> ExportResult:
    import torch

    from covidcxr.inference.predictor import Predictor

    spec = bundle.info.preprocess.spec()
    example = torch.rand(2, 1, spec.size, spec.size)
    path = bundle.folder / ONNX
    trial = computed_trial()
    original = original_probabilities(bundle, trial)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / ONNX
        _write(
            bundle.network(),
            made,
            example=example,
            names=(IMAGES, [LOGITS]),
            dynamic={0: torch.export.Dim("batch")},
            metadata=_metadata(bundle),
        )
        with atomic_file(path) as partial:
            partial.write_bytes(made.read_bytes())
    refresh_sums(bundle.folder)
    predictor = Predictor.load(bundle.folder, backend="onnxruntime", device="cpu", gated=False)
    judged = iter(np.asarray(one.probabilities) for one in predictor.predict(radiographs(trial)))
    parity = compare(trial, bundle.info.classes, original, lambda film: next(judged))
    try:
        check_parity(parity, path)
    except BundleError:
        path.unlink()
        refresh_sums(bundle.folder)
        raise
    return ExportResult(path=path, parity=parity, notes=_notes(bundle))


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
        "notice": NOTICE,
    }


def film_judge(path: Path) -> Judge:
    """Return what a film graph in a file says of one film, run by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])

    def judge(film: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([PROBABILITIES], {FILM: film[None, None]})[0][0]
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
