"""Runs a bundle's ``model.onnx``, or ``model-int8.onnx``, with OpenVINO on the CPU: the fastest there, in few bits."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.core.no_reports import forbid_reports
from covidcxr.core.processors import num_threads
from covidcxr.inference.backends import BACKENDS
from covidcxr.inference.backends.backend import Backend, Precision
from covidcxr.models.bundle import INT8, ONNX, Bundle

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # int8: what is left in floats


@BACKENDS.register("openvino")
class OpenVinoBackend(Backend):
    """OpenVINO's CPU plugin, compiled for throughput; never chosen unasked."""

    name: ClassVar[str] = "openvino"

    def __init__(self, bundle: Bundle, *, device: str, precision: Precision) -> None:
        if find_spec("openvino") is None:
            raise MissingExtraError("openvino", "openvino", "backend openvino")
        forbid_reports()
        import openvino

        path = bundle.int8_path if precision == "int8" else bundle.onnx_path
        if path is None:
            how = "--variant int8 --data DATASET" if precision == "int8" else "--to onnx"
            name = INT8 if precision == "int8" else ONNX
            raise BundleError(f"{bundle.folder}: no {name}; run: covidcxr export {bundle.folder} {how}")
        if device not in ("auto", "cpu"):
            raise BundleError(f"backend openvino runs on the CPU, not on {device}; use backend torch")
        core = openvino.Core()
        model = core.read_model(path)
        self._channels = model.inputs[0].get_partial_shape()[1].get_length()
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": num_threads(),
            "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, all threads on it
        }
        self._compiled = core.compile_model(model, "CPU", settings)
        self.is_rounded = precision != "fp32"
        self.device = f"cpu ({precision}, openvino {openvino.__version__.partition('-')[0]})"

    @staticmethod
    def suits(bundle: Bundle, device: str) -> bool:
        """Only by name: its library is an extra."""
        return False

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits."""
        if images.shape[1] != self._channels:
            images = np.repeat(images, self._channels, axis=1)
        return np.array(self._compiled(images)[0], dtype=np.float32)
