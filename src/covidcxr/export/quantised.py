"""``model-int8.onnx``: a bundle's network with convolutions and dense layers in eight bits, weights and activations.

Static quantisation (B. Jacob et al., CVPR 2018): the range of every activation is the one that training images give;
weights have a scale a channel. Processors with 8-bit dot products (AVX-512 VNNI) run it twice as fast as bfloat16. It
is written as pairs of QuantizeLinear and DequantizeLinear, which OpenVINO computes in integers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError
from covidcxr.dataset.dataset import Dataset
from covidcxr.imaging.preprocess import preprocess
from covidcxr.imaging.reading import read
from covidcxr.models.bundle import Bundle

_NUM_FILMS = 96
_BATCH = 8
_OPERATORS = ["Conv", "Gemm", "MatMul"]


def calibration_images(bundle: Bundle, data: Path) -> NDArray[np.float32]:
    """Return float32 (N, 1, S, S): up to 96 images, spread over the training part of a dataset, preprocessed.

    Raises:
        DatasetError: If it is missing or has no training part.
    """
    dataset = Dataset.open(data, classes=bundle.info.classes)
    samples = dataset.split("train")
    samples = samples[:: max(1, -(-len(samples) // _NUM_FILMS))]
    spec = bundle.info.preprocess.spec()
    return np.stack([preprocess(read(dataset.image_path(sample)), spec)[:1] for sample in samples])


def write_int8(bundle: Bundle, images: NDArray[np.float32], path: Path) -> None:
    """Quantise the bundle's ``model.onnx`` with the ranges that ``images`` (N, 1, S, S) give.

    Raises:
        BundleError: If the bundle has no ``model.onnx``.
    """
    if bundle.onnx_path is None:
        raise BundleError(f"{bundle.folder}: no model.onnx, which int8 is made from; run covidcxr export on it first")
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._starts = iter(range(0, len(images), _BATCH))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self._starts, None)
            return None if start is None else {name: images[start : start + _BATCH]}

    model = onnx.load(bundle.onnx_path)
    name = model.graph.input[0].name
    del model.graph.value_info[:]  # the exporter's shapes of transposed weights do not survive quantisation
    activate_before_pooling(model)
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, plain)
        quantize_static(
            plain,
            small,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_OPERATORS,
            # Between a layer and its activation function the sum stays wide; both run as one.
            extra_options={"OpTypesToExcludeOutputQuantization": _OPERATORS},
        )
        path.write_bytes(small.read_bytes())


def activate_before_pooling(model: Any) -> None:
    """Turn MaxPool before Elu into Elu before MaxPool, which is the same, because Elu only grows.

    A convolution and the Elu behind it run as one in eight bits; pooling first, which saves work in floats, keeps them
    apart.
    """
    nodes = model.graph.node
    position = {node.input[0]: number for number, node in enumerate(nodes) if node.op_type == "Elu"}
    readers = [name for node in nodes for name in node.input]
    for pool in nodes:
        pooled = pool.output[0]
        if pool.op_type != "MaxPool" or pooled not in position or readers.count(pooled) != 1:
            continue
        activation = nodes[position[pooled]]
        first, second = type(pool)(), type(pool)()
        first.CopyFrom(activation)
        second.CopyFrom(pool)
        first.input[0], first.output[0] = pool.input[0], pooled
        second.input[0], second.output[0] = pooled, activation.output[0]
        nodes[position[pooled]].CopyFrom(second)
        pool.CopyFrom(first)
