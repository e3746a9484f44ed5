"""OpenVINO: ``model.xml`` and ``model.bin``, images of any size in, probabilities out."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.core.no_reports import forbid_reports
from covidcxr.core.notice import NOTICE
from covidcxr.export import EXPORTERS
from covidcxr.export.evidence import licence, seal_folder
from covidcxr.export.exporter import check_parity
from covidcxr.export.onnx_graph import Feed, feed_of, original_probabilities, require_onnx, write_graph
from covidcxr.export.parity import Judge, choose_trial, compare
from covidcxr.export.request import NO_GATE, ExportRequest, ExportResult


@EXPORTERS.register("openvino")
def export_openvino(request: ExportRequest) -> ExportResult:
    """Write a folder with ``model.xml`` and ``model.bin``, in 32 bits, and what lies beside every export.

    Bfloat16 is for the network alone: the positions of pixels, which the preprocessing computes with, do not fit in its
    eight bits. The predictor's openvino backend, which preprocesses outside the graph, can use it.
    """
    require_onnx()
    if find_spec("openvino") is None:
        raise MissingExtraError("openvino", "openvino", "exporting to OpenVINO")
    if request.out is None:
        raise BundleError("an OpenVINO model needs a folder of its own; give --out FOLDER")
    if request.variant != "fp32":
        raise BundleError(
            f"no {request.variant} variant for OpenVINO: preprocessing is in the graph and needs 32 bits; for bf16 use "
            "covidcxr predict --backend openvino --precision bf16, for int8 --to onnx --variant int8 --data DATASET"
        )
    check_place(request.out, "model.xml", "OpenVINO model")
    forbid_reports()
    import openvino

    bundle = request.bundle
    trial = choose_trial(request.data, bundle.info.classes)
    with tempfile.TemporaryDirectory() as scratch, atomic_directory(request.out) as partial:
        graph = Path(scratch) / "film.onnx"
        write_graph(bundle, graph, request.input)
        openvino.save_model(openvino.convert_model(graph), partial / "model.xml", compress_to_fp16=False)
        judge = _judge(partial / "model.xml", feed_of(bundle, request.input))
        parity = compare(trial, bundle.info.classes, original_probabilities(bundle, trial), judge)
        check_parity(parity, request.out)
        (partial / "classes.txt").write_text("\n".join(bundle.info.classes) + "\n", encoding="utf-8")
        (partial / "NOTICE.txt").write_text(licence(bundle), encoding="utf-8")
        seal_folder(partial, request, parity)
    needed = 'compile it with {"INFERENCE_PRECISION_HINT": "f32"}: by default OpenVINO may compute in bfloat16'
    return ExportResult(path=request.out, parity=parity, notes=(needed, *bundle.info.notes, NO_GATE, NOTICE))


def _judge(path: Path, feed: Feed) -> Judge:
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def judge(film: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled(feed(film))[0][0], dtype=np.float32)

    return judge
