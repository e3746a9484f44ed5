"""What a recipe can say of dataset, network, training and evaluation, and the defaults.

The resolved recipe is written into every artefact; `covidcxr.core.recipe_toml` reads and writes one. What the names in
it mean (a source, a rule, a network, an augmentation) is known only to the package that owns the registry.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from covidcxr.core.errors import RecipeError
from covidcxr.core.types import Intensity, PreprocessSpec, Region

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


def _search_mode(value: object) -> object:
    """Read the yes and no of recipes written before there was ``report``."""
    return {True: "group", False: "off"}[value] if isinstance(value, bool) else value


def _in_order(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"a range is written [low, high], and {bounds[0]:g} is above {bounds[1]:g}")
    return bounds


CopySearch = Literal["group", "report", "off"]
Factor = Annotated[float, Field(ge=0.0)]
FactorRange = Annotated[tuple[Factor, Factor], AfterValidator(_in_order)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in (int, float):
            raise ValueError("expected a number")
        return value


# Additions that are not used are left out when a recipe is written, so that a digest made before them still fits.
def _is_zero(value: float) -> bool:
    return value == 0


def _is_empty(value: tuple[str, ...]) -> bool:
    return not value


def _is_one(value: float) -> bool:
    return value == 1


class SplitRecipe(_Table):
    """How samples are divided; ``strategy`` names an entry of ``curation.splits``.

    ``official`` keeps a source's own train and test. Classes named in ``test_images`` come from sources without a
    split of their own: that many of their images go to test, patients apart. ``held_out`` is the source that
    ``leave-one-source-out`` tests on; ``fold`` (from 0) of ``folds`` is what ``k-fold-by-patient`` tests on.
    """

    strategy: str = "official"
    test_images: dict[str, int] = {}
    test_fraction: Fraction = 0.2
    held_out: str = ""
    folds: int = Field(default=5, ge=2)
    fold: int = Field(default=0, ge=0)


class BalanceRecipe(_Table):
    """One way of leaving images out so that classes or patients weigh alike.

    ``strategy`` names an entry of ``curation.balances``; ``images`` is its number of images, where it takes one.
    """

    strategy: str
    images: int = Field(default=0, ge=0)


class DatasetRecipe(_Table):
    """What ``compile`` builds.

    Attributes:
        classes: In the order of the network's outputs.
        take: Source name to the labels taken from it; everything else of the source is excluded by name.
        merge: Dataset class to the record labels that make it up ("Not COVID-19" = ["Normal", "Pneumonia"]).
        rules: Exclusion rules by name, applied in this order.
        split: How samples are divided.
        balance: Applied after the split, in this order.
        keep_published_copies: Keep copies of an image that lie in one part of a split published by their source, so
            that the part stays as published; ``duplicate-file`` leaves out all others.
        near_duplicates: What is done about near-duplicates that were cropped, scaled, re-exposed or drawn upon.
            ``group`` searches for them (some twenty milliseconds an image, once), keeps them in one split and leaves
            images with two labels out. ``report`` changes nothing of the dataset: among images of nearly equal
            perceptual hash it names copies in two splits or under two labels. ``off`` does neither: only equal bytes
            and equal pixels are copies.
        archive: Also write the images as one ZIP whose name carries the date.
        licences: Where not empty, images are kept only if their licence allows each of these uses
            (``commercial``, ``derivatives``, ``redistribution``); a licence that is blank or not understood allows
            nothing.
        longest_side: Images are scaled down, never up, so that their longer side has at most this many pixels.
        jpeg_quality: 1-95 as Pillow defines it.
        seed: Of everything random in the dataset.
    """

    classes: tuple[str, ...]
    take: dict[str, tuple[str, ...]]
    merge: dict[str, tuple[str, ...]] = {}
    rules: tuple[str, ...] = ()
    split: SplitRecipe = SplitRecipe()
    balance: tuple[BalanceRecipe, ...] = ()
    keep_published_copies: bool = False
    near_duplicates: Annotated[CopySearch, BeforeValidator(_search_mode)] = "off"
    archive: bool = False
    licences: tuple[Literal["commercial", "derivatives", "redistribution"], ...] = ()
    longest_side: int = Field(default=512, ge=16)
    jpeg_quality: int = Field(default=90, ge=1, le=95)
    seed: int = Field(default=2020, ge=0)


class PreprocessRecipe(_Table):
    """The `PreprocessSpec` of the bundle, as a recipe writes it."""

    size: int = Field(ge=8)
    channels: Literal[1, 3] = 1
    region: Region = "film"
    crop: float = Field(default=1.0, gt=0.0, le=1.0)
    intensity: Intensity = "none"
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0.0)

    def spec(self) -> PreprocessSpec:
        """Return the type that travels."""
        return PreprocessSpec(**self.model_dump())


class NetworkRecipe(_Table):
    """Which network; ``options`` go to its constructor."""

    name: str
    options: dict[str, Any] = {}
    weights: str = ""
    preprocess: PreprocessRecipe


_NO_NETWORK = NetworkRecipe(name="", preprocess=PreprocessRecipe(size=224))


def _is_unnamed(network: NetworkRecipe) -> bool:
    return not network.name


class OptimizerRecipe(_Table):
    """The optimiser by name, its peak rate and the rest of its options.

    ``layer_decay`` below 1 gives each stage of the network that much of the rate of the stage after it. ``sam`` is the
    radius within which sharpness-aware minimisation looks for the worst weights, at twice the time a step (P. Foret et
    al., arXiv:2010.01412, use 0.05); 0 for none.
    """

    name: Literal["adam", "nadam", "sgd", "adamw"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0, exclude_if=_is_one)
    sam: float = Field(default=0.0, ge=0.0, exclude_if=_is_zero)


class ScheduleRecipe(_Table):
    """The learning rate over time.

    ``steps``: ``rates[i]`` from epoch ``starts[i]`` (0-based) on. ``three-stage``: ``warmup_epochs`` at
    ``low`` times the peak rate, then the peak, then ``low`` times it again from epoch ``cooldown_start`` on.
    ``cosine``: linear warm-up over ``warmup_epochs``, then cosine to ``low`` times the peak. ``constant``.
    """

    name: Literal["constant", "steps", "three-stage", "cosine", "one-cycle"] = "constant"
    starts: tuple[int, ...] = ()
    rates: tuple[Annotated[float, Field(gt=0.0)], ...] = ()
    warmup_epochs: float = Field(default=1.0, ge=0.0)
    cooldown_start: int = Field(default=0, ge=0)
    low: Fraction = 0.1

    @model_validator(mode="after")
    def _steps_match(self) -> ScheduleRecipe:
        if self.name == "steps" and (len(self.starts) != len(self.rates) or not self.rates or self.starts[0] != 0):
            raise ValueError("steps needs as many starts as rates, the first start 0")
        if any(first >= second for first, second in pairwise(self.starts)):
            raise ValueError("starts must rise from one to the next")
        return self


class LossRecipe(_Table):
    """Cross-entropy with label smoothing and class weights.

    ``focal``: exponent that turns it into the focal loss (T.-Y. Lin et al., arXiv:1708.02002); 0 for none.

    ``group_dro``: step size at which the worst of the (class, source) groups gain weight (S. Sagawa et al.,
    arXiv:1911.08731, use 0.01); 0 for none.

    ``smoothing_kind``: ``keras``, target 1 - s + s/N on the class and s/N on the others (the published code);
    ``paper``, 1 - s on the class and s/(N - 1) on the others (the published text).
    """

    label_smoothing: Fraction = 0.0
    smoothing_kind: Literal["keras", "paper"] = "keras"
    class_weights: dict[str, Factor] = {}
    focal: float = Field(default=0.0, ge=0.0, exclude_if=_is_zero)
    group_dro: float = Field(default=0.0, ge=0.0, exclude_if=_is_zero)

    def keras_smoothing(self, num_classes: int) -> float:
        """Return the smoothing as Keras counts it: the paper's puts s / (N - 1) on each other class, not s / N."""
        is_paper = self.smoothing_kind == "paper"
        return self.label_smoothing * num_classes / (num_classes - 1) if is_paper else self.label_smoothing


class AugmentRecipe(_Table):
    """Random changes of a training batch; a range of (0, 0) or a probability of 0 switches one off.

    Geometry: rows and columns are zoomed apart, by up to ``zoom``, and shifted by up to ``shift`` of the side.
    Intensity: ``contrast`` scales an image's distance from ``contrast_about``: its own mean, or black; ``gamma`` is the
    largest absolute logarithm of the exponent; ``tone`` blends towards an S-shaped curve or its inverse;
    ``illumination`` is the deviation of a smooth multiplicative field. ``resolution`` is the probability that an image
    is seen through a coarser grid, ``blur`` that it is blurred, ``erase`` that a box of it is.
    """

    flip_horizontal: Fraction = 0.0
    brightness: float = Field(default=0.0, ge=0.0)
    contrast: FactorRange = (1.0, 1.0)
    contrast_about: Literal["mean", "black"] = "mean"
    saturation: FactorRange = (1.0, 1.0)
    resize_to: int = Field(default=0, ge=0)
    rotation_degrees: float = Field(default=0.0, ge=0.0, le=180.0)
    zoom: float = Field(default=0.0, ge=0.0, lt=1.0)
    shear: float = Field(default=0.0, ge=0.0)
    shift: float = Field(default=0.0, ge=0.0, lt=1.0)
    gamma: float = Field(default=0.0, ge=0.0)
    tone: float = Field(default=0.0, ge=0.0, le=1.0)
    illumination: float = Field(default=0.0, ge=0.0)
    resolution: Fraction = 0.0
    blur: Fraction = 0.0
    noise: float = Field(default=0.0, ge=0.0)
    erase: Fraction = 0.0


class TrainingRecipe(_Table):
    """What ``train`` does.

    Attributes:
        validation: ``test``: the published systems' fault, kept where a recipe is faithful, and reported;
            ``patients``: ``validation_fraction`` of the training groups, carved by group and class.
        early_stopping: Epochs without a better validation balanced accuracy before training stops; 0 never stops,
            and the last epoch is kept. Otherwise the best epoch is kept.
        ema: Share of the old average of the weights that a step keeps (0.999); validation and the bundle then use
            the average. 0 for no average.
        precision: ``auto`` takes bf16 where the processor has it, and float32 elsewhere; ``float16``, with the loss
            scaled, is for GPUs without bf16.
        steps: Stop after this many optimiser steps in all; 0 for no limit.
        accumulate: Parts that a batch is worked through in, one after the other, where it does not fit in memory;
            batch normalisation sees a part.
        mixup, cutmix: Mix images of a batch; parameter of the share's beta distribution (0.2, 1.0), 0 for none.
    """

    epochs: int = Field(default=12, ge=1)
    batch_size: int = Field(default=32, ge=1)
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    loss: LossRecipe = LossRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    sampling: Literal["natural", "class", "class-source", "class-root-source"] = "natural"
    validation: Literal["test", "patients"] = "patients"
    validation_fraction: Fraction = 0.1
    early_stopping: int = Field(default=0, ge=0)
    ema: float = Field(default=0.0, ge=0.0, lt=1.0)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    steps: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    accumulate: int = Field(default=1, ge=1, exclude_if=_is_one)
    mixup: float = Field(default=0.0, ge=0.0, exclude_if=_is_zero)
    cutmix: float = Field(default=0.0, ge=0.0, exclude_if=_is_zero)


class CalibrationRecipe(_Table):
    """What is fitted on the validation patients when training is over; nothing where they are the test images.

    Attributes:
        temperature: Whether logits are divided by the number that makes the true classes most probable.
        coverage: Share of the cases of each class whose prediction set shall hold their class; 0 for no sets.
        sensitivities: For each of them, and each class, the threshold that reaches it is kept as an operating point.
    """

    temperature: bool = True
    coverage: Fraction = Field(default=0.9, lt=1.0)
    sensitivities: tuple[Fraction, ...] = (0.9, 0.95)


class EvaluationRecipe(_Table):
    """What ``evaluate`` compares with and how many bootstrap rounds it takes."""

    bootstrap_rounds: int = Field(default=2000, ge=1)
    published: str = ""


class Recipe(_Table):
    """A resolved recipe; ``backbones`` are the networks that ``covidcxr backbones`` trains one after another.

    A recipe that only compiles needs no ``network``; what trains asks `require_network` first.
    """

    name: str
    title: str
    citation: str = ""
    notes: tuple[str, ...] = ()
    dataset: DatasetRecipe
    network: NetworkRecipe = Field(default=_NO_NETWORK, exclude_if=_is_unnamed)
    backbones: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)
    training: TrainingRecipe = TrainingRecipe()
    calibration: CalibrationRecipe = CalibrationRecipe()
    evaluation: EvaluationRecipe = EvaluationRecipe()


def require_network(recipe: Recipe) -> None:
    """Check that there is something to train.

    Raises:
        RecipeError: If the recipe names no network.
    """
    if not recipe.network.name:
        raise RecipeError(
            f"recipe {recipe.name}: no table [network], so it can be compiled but not trained; add network.name "
            "(covidcxr models list) and network.preprocess.size, in the recipe or with --set"
        )
