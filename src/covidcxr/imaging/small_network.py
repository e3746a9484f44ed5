"""The small networks that ship with covidcxr, one picture at a time through each.

A batch would be slower: what it saves in calls it loses in the processor's cache. So no answer depends on what else was
asked. ONNX Runtime computes in fp32 on the calling thread; OpenVINO, for networks that may be rounded and within
`in_bfloat16` only, in half the time. What the networks mean is not known here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.no_reports import forbid_reports
from covidcxr.core.processors import num_processors

Answer = list[NDArray[np.float32]]

_first = threading.Lock()  # two threads that enter OpenVINO's Python binding for the first time at once never return
_bfloat16: ContextVar[bool] = ContextVar("covidcxr_bfloat16", default=False)


@contextmanager
def in_bfloat16(wanted: bool) -> Iterator[None]:
    """Let networks that may be rounded run in bfloat16, if ``wanted``; OpenVINO must be installed."""
    token = _bfloat16.set(wanted)
    try:
        yield
    finally:
        _bfloat16.reset(token)


class SmallNetwork:
    """An ONNX network of one input (N, 1, S, S).

    Args:
        weights: The file's bytes.
        may_be_rounded: Whether it was measured to give the same answers in bfloat16.
    """

    def __init__(self, weights: bytes, *, may_be_rounded: bool = False) -> None:
        forbid_reports()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        self._exact: Callable[[NDArray[np.float32]], Answer] = lambda picture: session.run(None, {name: picture})
        self._rounded = _Rounded(weights) if may_be_rounded else None

    def run(self, pictures: NDArray[np.float32]) -> Answer:
        """Return every output of pictures (N, 1, S, S), N at least 1, each (N, ...)."""
        answer = self._rounded if self._rounded is not None and _bfloat16.get() else self._exact
        found = [answer(pictures[number : number + 1]) for number in range(len(pictures))]
        return found[0] if len(found) == 1 else [np.concatenate(parts) for parts in zip(*found, strict=True)]


class _Rounded:
    """The same network in OpenVINO, compiled when it is first asked; as many threads as there are may ask at once."""

    def __init__(self, weights: bytes) -> None:
        self._weights = weights
        self._compiled: Any = None
        self._here = threading.local()

    def __call__(self, picture: NDArray[np.float32]) -> Answer:
        request = getattr(self._here, "request", None)
        if request is None:
            request = self._here.request = self._request()
        found = request.infer({0: picture})
        return [np.array(found[number], np.float32) for number in range(len(found))]

    def _request(self) -> Any:
        with _first:
            if self._compiled is None:
                forbid_reports()
                import openvino

                core = openvino.Core()
                model = core.read_model(self._weights)
                shape = [1, *(side.get_length() for side in list(model.inputs[0].get_partial_shape())[1:])]
                model.reshape(shape)
                num = num_processors()
                settings = {
                    "INFERENCE_PRECISION_HINT": "bf16",
                    "NUM_STREAMS": num,
                    "INFERENCE_NUM_THREADS": num,
                    "ENABLE_CPU_PINNING": False,  # every decoding process would pin its first thread to one core
                }
                compiled = core.compile_model(model, "CPU", settings)
                compiled.create_infer_request().infer({0: np.zeros(shape, np.float32)})
                self._compiled = compiled
            return self._compiled.create_infer_request()
