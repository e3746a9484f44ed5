"""Runs a bundle's ``model.onnx`` with ONNX Runtime on the CPU; torch is not imported."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError
from covidcxr.core.no_reports import forbid_reports
from covidcxr.inference.backends import BACKENDS
from covidcxr.inference.backends.backend import Backend, Precision
from covidcxr.inference.backends.lanes import Lanes
from covidcxr.models.bundle import Bundle

_NVIDIA = Path("/dev/nvidia0")


@BACKENDS.register("onnxruntime")
class OnnxRuntimeBackend(Backend):
    """ONNX Runtime's CPU provider: one image per call, one thread per call, several calls side by side."""

    name: ClassVar[str] = "onnxruntime"

    def __init__(self, bundle: Bundle, *, device: str, precision: Precision) -> None:
        forbid_reports()
        import onnxruntime

        if bundle.onnx_path is None:
            raise BundleError(f"{bundle.folder}: no model.onnx; run: covidcxr export {bundle.folder} --to onnx")
        if device not in ("auto", "cpu") or precision != "fp32":
            raise BundleError(
                f"backend onnxruntime runs fp32 on the CPU, not {precision} on {device}; use backend torch or openvino"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # Repacking the weights doubles start-up time and memory of a large dense head, and gains nothing on batches.
        options.add_session_config_entry("session.disable_prepacking", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.onnx_path, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exceptions have no common, documented base
            raise BundleError(f"{bundle.onnx_path}: ONNX Runtime cannot load it ({error}); export it again") from error
        entry = self._session.get_inputs()[0]
        self._input, self._channels = entry.name, int(entry.shape[1])
        self._lanes = Lanes(lambda images: self._session.run(None, {self._input: images})[0], size=1)
        self.device = f"cpu (fp32, onnxruntime {onnxruntime.__version__})"

    @staticmethod
    def suits(bundle: Bundle, device: str) -> bool:
        """Whether there is a model.onnx, and no better device was asked for or is likely there."""
        return bundle.onnx_path is not None and (device == "cpu" or (device == "auto" and not _NVIDIA.exists()))

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits."""
        if images.shape[1] != self._channels:
            images = np.repeat(images, self._channels, axis=1)
        return self._lanes.logits(images)
