"""The content of ``bundle.json`` as types.

Files and weights are left to `covidcxr.models.bundle`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from covidcxr.core.labels import Meaning
from covidcxr.core.notice import NOTICE
from covidcxr.core.types import Intensity, PreprocessSpec, Region
from covidcxr.core.version import release

FORMAT_VERSION = 3  # 2: prediction sets by class, operating points; 3: what the classes mean


Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BundleVersion(BaseModel):
    """The one field of bundle.json that every release understands."""

    format_version: int = Field(default=FORMAT_VERSION, ge=1)


class NetworkInfo(_Table):
    """The architecture: ``name`` in the registry, its options, and its number of parameters."""

    name: str
    options: dict[str, Any] = {}
    num_parameters: int = Field(ge=0)


class PreprocessInfo(_Table):
    """`PreprocessSpec` as JSON.

    Mean and deviation are of values in [0, 1]; the bounds leave room for networks that expect 0 to 65535.
    """

    size: int = Field(ge=1, le=4096)
    channels: Literal[1, 3] = 1
    region: Region = "film"
    crop: float = Field(default=1.0, gt=0.0, le=1.0, allow_inf_nan=False)
    intensity: Intensity = "none"
    mean: float = Field(default=0.0, ge=-1e5, le=1e5, allow_inf_nan=False)
    std: float = Field(default=1.0, ge=1e-6, le=1e5, allow_inf_nan=False)

    def spec(self) -> PreprocessSpec:
        """Return the type that travels."""
        return PreprocessSpec(**self.model_dump())


class HistoryInfo(_Table):
    """A training in a few numbers; ``train`` and ``validation`` are those of the epoch that was kept.

    Attributes:
        epochs: Epochs trained.
        kept_epoch: 1-based epoch whose weights these are.
        seconds: Wall time of the training.
        device: Where it was trained, and in which precision.
        validation_split: ``test`` where the recipe is faithful to a published fault, else ``patients``.
        train, validation: Metric name to value.
    """

    epochs: int = 0
    kept_epoch: int = 0
    seconds: float = 0.0
    device: str = ""
    validation_split: str = ""
    train: dict[str, float] = {}
    validation: dict[str, float] = {}


class OperatingPoint(_Table):
    """From which probability a class counts as found, if so much sensitivity is wanted; chosen on validation patients.

    Attributes:
        label: The class.
        target: The sensitivity wanted.
        threshold: The largest probability that reaches it.
        sensitivity, specificity: What it has on the validation images.
        num_cases: Validation images of the class.
    """

    label: str
    target: Share
    threshold: Share
    sensitivity: Share
    specificity: Share
    num_cases: int = Field(ge=0)


class BundleInfo(_Table):
    """Everything about a trained network but its weights.

    Attributes:
        format_version: Of this file; a reader refuses a newer one.
        release: The covidcxr release that wrote it.
        name, title: Of the recipe.
        network: Architecture and options.
        classes: In the order of the outputs.
        meanings: Class to what its probability is about (`covidcxr.core.labels.MEANINGS`); empty in older bundles.
        preprocess: How a radiograph becomes the network's input.
        temperature: Logits are divided by it before softmax; 1.0 if not calibrated.
        thresholds: Class to the probability from which it counts as positive; empty means the largest wins.
        conformal: Coverage ("0.90") to the quantile of the conformal score of each class (one for all of them in
            format 1); empty if not calibrated.
        operating_points: Thresholds for wanted sensitivities, for a reader to choose from; they change no label.
        dataset_digest: Of the dataset it was trained on.
        recipe: The resolved recipe.
        history: The training in a few numbers.
        synthetic: True if it was trained on computed phantoms.
        notes: What a reader must know (the recipe's notes).
        notice: Always "Research use only, not a diagnosis."
    """

    format_version: int = FORMAT_VERSION
    release: str = Field(default_factory=release)
    name: str
    title: str = ""
    network: NetworkInfo
    classes: tuple[str, ...] = Field(min_length=2)
    meanings: dict[str, Meaning] = {}
    preprocess: PreprocessInfo
    temperature: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    thresholds: dict[str, Share] = {}
    conformal: dict[str, Share | dict[str, Share]] = {}
    operating_points: tuple[OperatingPoint, ...] = ()
    dataset_digest: str = ""
    recipe: dict[str, Any] = {}
    history: HistoryInfo = HistoryInfo()
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    notice: str = NOTICE

    @model_validator(mode="before")
    @classmethod
    def _without_results(cls, content: object) -> object:
        """Drop ``results``, which releases up to 0.1.0 wrote and nothing ever filled."""
        if isinstance(content, dict):
            return {key: value for key, value in content.items() if key != "results"}
        return content

    @model_validator(mode="after")
    def _is_about_its_classes(self) -> Self:
        """Refuse classes that cannot be told apart, and tables that are about other ones."""
        named = [" ".join(name.split()).casefold() for name in self.classes]
        if not all(named) or len(set(named)) != len(named) or not "".join(self.classes).isprintable():
            raise ValueError(f"classes are {', '.join(map(repr, self.classes))}; expected different names")
        _check_names("meanings", self.meanings, self.classes)
        _check_names("thresholds", self.thresholds, self.classes)
        _check_names("operating_points", (point.label for point in self.operating_points), self.classes)
        for coverage, limits in self.conformal.items():
            if not _is_share(coverage):
                raise ValueError(f"conformal: the coverage {coverage!r} is no number between 0 and 1")
            if isinstance(limits, dict):
                _check_names(f"conformal.{coverage}", limits, self.classes)
                if missing := [name for name in self.classes if name not in limits]:
                    raise ValueError(f"conformal.{coverage}: no quantile of class {missing[0]!r}")
        return self


def _check_names(table: str, names: Iterable[str], classes: tuple[str, ...]) -> None:
    if unknown := [name for name in names if name not in classes]:
        raise ValueError(f"{table}: {unknown[0]!r} is none of the classes, {', '.join(classes)}")


def _is_share(text: str) -> bool:
    try:
        return 0.0 < float(text) < 1.0
    except ValueError:
        return False
