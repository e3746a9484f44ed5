"""The predictor: a bundle, a backend, and inputs streamed through both.

Decoding of the next inputs runs beside the network. Results come in the inputs' order and do not depend on how many
workers decode. One bad input becomes a `Prediction` with status ``error``, never an exception. Nothing here imports
torch; a backend does when it needs to. Which inputs there are is found in `covidcxr.inference.inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Prediction, PreprocessSpec, Radiograph
from covidcxr.imaging.preprocess import check_values
from covidcxr.inference.backends import BACKENDS
from covidcxr.inference.backends.backend import Backend, Precision
from covidcxr.inference.decoding import Fault, Item, Preparation, Ready, Source, prepare_all
from covidcxr.metrics.prediction_sets import calibrated, decide, prediction_set, undecided
from covidcxr.models.bundle import Bundle

_PREFERRED = ("onnxruntime", "torch")
BATCH_SIZE = 64

Images = NDArray[np.float32]
Masks = Sequence[NDArray[np.bool_]]
LungFraction = Callable[[Images, Sequence[int], Masks], Sequence[float | None]]  # `covidcxr.explain.lung_fractions`


class Predictor:
    """A loaded bundle that turns inputs into predictions.

    Attributes:
        bundle: What it was loaded from.
        backend: What runs the network.
        batch_size: Inputs a pass of the network takes at most.
        gated: Whether the input gate comes before the network; what it refuses gets no probability.
        turning: Whether the gate turns (or inverts) an image that it would refuse for that alone, with a warning.
        lung_fraction: Measures how much of the evidence for an answer lies in the lungs; None leaves that out.
    """

    def __init__(
        self,
        bundle: Bundle,
        backend: Backend,
        *,
        gated: bool,
        batch_size: int = BATCH_SIZE,
        turning: bool = False,
        lung_fraction: LungFraction | None = None,
    ) -> None:
        self.bundle = bundle
        self.backend = backend
        self.batch_size = batch_size
        self.gated = gated
        self.turning = turning
        self.lung_fraction = lung_fraction

    @classmethod
    def load(
        cls,
        bundle: Path | str,
        *,
        backend: str | None = None,
        device: str = "auto",
        batch_size: int = BATCH_SIZE,
        precision: Precision = "fp32",
        gated: bool | None = None,
        turning: bool = False,
        explained_by: Callable[[Bundle, str], LungFraction] | None = None,
    ) -> Predictor:
        """Load the bundle in a folder, its files checked against their digests.

        Args:
            bundle: The folder.
            backend: Name of a backend; None takes ONNX Runtime where the bundle has a ``model.onnx`` and no GPU is
                asked for or there, else torch.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            batch_size: Inputs a pass of the network takes at most.
            precision: ``bf16`` is faster where the hardware has it, and changes probabilities a little; so is
                ``int8``, which is for backend ``openvino`` and needs a bundle that was exported with it.
            gated: Refuse inputs that are not frontal chest radiographs (`covidcxr.imaging.gate.gate`); None does so
                unless the bundle was trained on phantoms, which the gate does not take for radiographs.
            turning: Turn or invert what the gate would refuse for that alone, with a warning.
            explained_by: Makes what fills `Prediction.lung_fraction` from the bundle and the device:
                `covidcxr.explain.lung_fractions.LungFractions.of_bundle`. None leaves it empty.

        Raises:
            BundleError: If the bundle is missing, altered, or does not suit the backend or device; or if the gate is
                wanted and its weights are missing.
            RegistryError: If there is no such backend.
        """
        loaded = Bundle.load(Path(bundle))
        if gated is None:
            gated = not loaded.info.synthetic
        if gated:
            from covidcxr.imaging.gate.kinds import shipped_network

            shipped_network()  # a gate that cannot be loaded is told now, not at the first image
        name = backend or _choose_backend(loaded, device, precision)
        chosen = BACKENDS.get(name)(loaded, device=device, precision=precision)
        measure = explained_by(loaded, device) if explained_by else None
        return cls(loaded, chosen, gated=gated, batch_size=batch_size, turning=turning, lung_fraction=measure)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of logits and probabilities."""
        return self.bundle.info.classes

    @property
    def spec(self) -> PreprocessSpec:
        """How a radiograph becomes the network's input."""
        return self.bundle.info.preprocess.spec()

    @property
    def device(self) -> str:
        """What it runs on, in words."""
        return self.backend.device

    def predict(
        self,
        inputs: Iterable[Source],
        record_ids: Iterable[str] | None = None,
        *,
        workers: int | None = 0,
        group: int | None = None,
    ) -> Iterator[Prediction]:
        """Return an iterator over one prediction per input, in order.

        Args:
            inputs: Paths, bytes, open files, or radiographs with float32 pixels in [0, 1]; taken only a little ahead
                of the results.
            record_ids: What results call the inputs; by default their path, or ``<input N>``.
            workers: 0 decodes in threads, a number in that many processes, None in whichever suits (see
                `prepare_all`). A script that asks for processes needs ``if __name__ == "__main__":``.
            group: Where batches end: after every ``group`` inputs. A run that is resumed at such a point computes
                the same batches, so the same numbers.
        """
        names = record_ids if record_ids is not None else repeat(None)
        items = (
            Item(record_id=name if name is not None else _name(source, number), source=source)
            for number, source, name in zip(count(), inputs, names, strict=False)
        )
        return self.predict_items(items, workers=workers, group=group)

    def predict_items(
        self, items: Iterable[Item], *, workers: int | None = 0, group: int | None = None
    ) -> Iterator[Prediction]:
        """Yield one prediction per item, as `predict` does for inputs and names."""
        preparation = Preparation(
            spec=self.spec,
            is_gated=self.gated,
            is_turned=self.turning,
            has_lungs=self.lung_fraction is not None,
            is_rounded=self.backend.is_rounded,
        )
        outcomes = prepare_all(items, preparation, workers=workers, lookahead=3 * self.batch_size)
        waiting: list[Ready | Fault] = []
        num_ready = 0
        for number, outcome in enumerate(outcomes, start=1):
            waiting.append(outcome)
            num_ready += isinstance(outcome, Ready)
            if num_ready == self.batch_size or (group is not None and number % group == 0):
                yield from self._finish(waiting)
                waiting, num_ready = [], 0
        yield from self._finish(waiting)

    def predict_one(self, source: Source, record_id: str | None = None) -> Prediction:
        """Return the prediction of one input."""
        return next(iter(self.predict([source], None if record_id is None else [record_id])))

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits of preprocessed float32 (N, C, S, S) images of equal channels.

        Raises:
            ImageReadError: ``shape``, ``zero-size``, ``not-finite`` or ``range``, if they are none.
        """
        spec = self.spec
        if images.ndim != 4 or images.shape[1] not in (1, spec.channels) or images.shape[2:] != (spec.size, spec.size):
            raise ImageReadError(
                f"an array of shape {images.shape}; expected (N, {spec.channels}, {spec.size}, {spec.size}), as "
                "covidcxr.imaging.preprocess makes it",
                reason="shape",
            )
        low, high = ((end - spec.mean) / spec.std for end in (0.0, 1.0))
        check_values(images, low, high, "images")
        return self.backend.logits(np.ascontiguousarray(images[:, :1]))

    def _finish(self, waiting: list[Ready | Fault]) -> Iterator[Prediction]:
        ready = [outcome for outcome in waiting if isinstance(outcome, Ready)]
        rows = self.backend.logits(np.stack([one.image for one in ready])) if ready else ()
        judged = [self._judge(one, logits) for one, logits in zip(ready, rows, strict=True)]
        answers = iter(self._with_lung_fractions(ready, judged))
        for outcome in waiting:
            if isinstance(outcome, Ready):
                yield next(answers)
            else:
                yield self._prediction(outcome, status=outcome.status, reasons=outcome.reasons)

    def _with_lung_fractions(self, ready: Sequence[Ready], judged: list[Prediction]) -> list[Prediction]:
        """Return the predictions with the lung fraction of the label, or of the likeliest class without one."""
        if self.lung_fraction is None:
            return judged
        images, targets, lungs, places = [], [], [], []
        for place, (one, prediction) in enumerate(zip(ready, judged, strict=True)):
            if one.lungs is None or prediction.probabilities is None:
                continue
            label = prediction.label
            images.append(one.image)
            targets.append(int(prediction.probabilities.argmax()) if label is None else self.classes.index(label))
            lungs.append(one.lungs)
            places.append(place)
        if places:
            for place, share in zip(places, self.lung_fraction(np.stack(images), targets, lungs), strict=True):
                judged[place] = replace(judged[place], lung_fraction=None if share is None else round(share, 4))
        return judged

    def _judge(self, ready: Ready, logits: NDArray[np.float32]) -> Prediction:
        info = self.bundle.info
        if not np.isfinite(logits).all():
            reason = "not-finite: the network's output is no number; the bundle or this device is faulty"
            return self._prediction(ready, status="error", reasons=(reason,), warnings=ready.warnings)
        probabilities = calibrated(logits, info.temperature)
        possible = prediction_set(probabilities, info.classes, info.conformal)
        label = decide(probabilities, info.classes, info.thresholds)
        doubt = undecided(label, possible, info.conformal)
        return self._prediction(
            ready,
            status="abstain" if doubt else "ok",
            logits=logits,
            probabilities=probabilities,
            label=None if doubt else label,
            prediction_set=possible,
            reasons=doubt,
            warnings=ready.warnings,
        )

    def _prediction(self, outcome: Ready | Fault, **fields: object) -> Prediction:
        known = {"record_id": outcome.record_id, "patient": outcome.patient, "bundle_id": self.bundle.bundle_id}
        return Prediction(classes=self.classes, **known, **fields)  # type: ignore[arg-type]


def _choose_backend(bundle: Bundle, device: str, precision: Precision) -> str:
    if precision == "fp32":
        for name in _PREFERRED:
            if BACKENDS.get(name).suits(bundle, device):
                return name
    return "openvino" if precision == "int8" else "torch"


def _name(source: Source, number: int) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return source.origin if isinstance(source, Radiograph) else f"<input {number}>"
