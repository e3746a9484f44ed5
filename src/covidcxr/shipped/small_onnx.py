"""A torch network to an ONNX file whose weights take 16 bits each; it still computes in 32.

Batch normalisation is folded into the convolutions first. ONNX Runtime turns the weights back once, when it loads.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from covidcxr.core.errors import MissingExtraError

_LARGE = 64  # values; smaller constants keep 32 bits
_OPSET = 18


def export_onnx(network: nn.Module, example: Tensor, *, inputs: str, outputs: Sequence[str]) -> bytes:
    """Return the ONNX file of ``network``, its first axis free, weights stored as float16.

    Raises:
        MissingExtraError: If onnx or onnxscript is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch.onnx needs it and says so less clearly)
    except ImportError as error:
        raise MissingExtraError(error.name or "onnx", "export", "writing a network as ONNX") from error
    folded = _fold(copy.deepcopy(network).eval())
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(
        folded,
        (example.contiguous(),),
        dynamo=True,
        opset_version=_OPSET,
        input_names=[inputs],
        output_names=list(outputs),
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    model = program.model_proto
    _halve(model)
    for node in model.graph.node:
        del node.metadata_props[:]  # torch writes its source files' paths here
        node.doc_string = ""
    del model.graph.metadata_props[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _fold(module: nn.Module) -> nn.Module:
    """Fold each BatchNorm2d that follows a Conv2d in an nn.Sequential into that convolution."""
    for child in module.children():
        _fold(child)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            first, second = module[index], module[index + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(first, second)
                module[index + 1] = nn.Identity()
    return module


def _halve(model: Any) -> None:
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _LARGE:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + rest)
