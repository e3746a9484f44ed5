"""The types that travel between the packages of covidcxr: frozen, keyword-only, without behaviour.

They know nothing about files, networks or metrics; the packages that make and read them do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.labels import LabelKind, label_kind


class View(StrEnum):
    """Projection of a chest image; values follow DICOM ViewPosition where one exists (PS3.3 C.8.7.1.1.3)."""

    PA = "PA"
    AP = "AP"
    AP_SUPINE = "AP_SUPINE"
    LATERAL = "LATERAL"
    CT = "CT"
    UNKNOWN = "UNKNOWN"


class Sex(StrEnum):
    """Administrative sex, as DICOM PatientSex (PS3.3 C.7.1.1)."""

    MALE = "M"
    FEMALE = "F"
    OTHER = "O"


Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle around a finding, as annotators drew it.

    Attributes:
        label: What it surrounds, in the source's word ("opacity").
        left, top, width, height: As shares of the image's width and height, so that they hold at any scale.
    """

    label: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One image of one public source, as its metadata describes it.

    Attributes:
        record_id: ``source:key``; unique over all sources. The key is the path inside the source where the
            bare file name would be ambiguous.
        source: Name of the source in the registry.
        path: The image file.
        patient_id: ``source:patient``, scoped to its source; None if the source does not tell.
        study_id: ``source:study``; None if unknown.
        view: Projection as the metadata states it.
        modality: As the metadata states it, in DICOM terms where possible (``DX``, ``CT``); ``UNKNOWN`` if not.
        finding: The source's own words, verbatim.
        label: The class of `covidcxr.core.labels` that ``finding`` means; None if it means none of them.
        split: The split that the source itself publishes (chest-xray-pneumonia); None if it has none.
        sex: None if unknown. ``sex_verbatim`` keeps the source's own word.
        age_years: None if unknown. ``age_verbatim`` keeps the source's own words ("50+", "mid 50s").
        day_offset: Days since the first symptom or since admission, as the source counts; None if unknown.
            ``offset_verbatim`` keeps the source's own words ("38+", "?").
        licence: SPDX-like name or the source's words; empty if the source does not tell.
        url: Where the image was published; empty if unknown.
        notes: Anything else worth keeping, such as "blank view, frontal by eye".
        boxes: Rectangles around findings; empty if the source draws none or their place is unknown.
    """

    record_id: str
    source: str
    path: Path
    patient_id: str | None = None
    study_id: str | None = None
    view: View = View.UNKNOWN
    view_verbatim: str = ""
    modality: str = "UNKNOWN"
    finding: str = ""
    label: str | None = None
    split: Split | None = None
    sex: Sex | None = None
    sex_verbatim: str = ""
    age_years: float | None = None
    age_verbatim: str = ""
    day_offset: float | None = None
    offset_verbatim: str = ""
    licence: str = ""
    url: str = ""
    notes: str = ""
    boxes: tuple[Box, ...] = ()

    @property
    def label_kind(self) -> LabelKind | None:
        """Whether ``label`` says what the patient has or what the image shows; None without a label."""
        return label_kind(self.label)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A record that made it into a compiled dataset.

    Attributes:
        record: Where it came from.
        label: Its class in this dataset (a recipe may merge classes, so it can differ from ``record.label``).
        split: train, val or test.
        image: Path of the converted image, relative to the dataset's folder, with forward slashes.
        sha256: Digest of the *source* file's bytes.
        phash: 16 hexadecimal digits of a 64-bit perceptual hash of the converted image.
        rows, columns: Size of the source image in pixels.
        bits_stored: Bits a stored value uses in the source image (8 or 16; DICOM BitsStored).
        group_id: Patient joined with duplicates; samples of one group are in one split only.
    """

    record: Record
    label: str
    split: Split
    image: str
    sha256: str
    phash: str
    rows: int
    columns: int
    bits_stored: int
    group_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """A record that was left out, with the rule that did so and what the rule saw."""

    record_id: str
    source: str
    path: str
    rule: str
    detail: str
    group_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a compiled dataset holds and what it left out.

    Attributes:
        samples: Sorted by record_id.
        exclusions: Sorted by record_id; every image of every source used is in one of the two.
        classes: In the recipe's order, which is the order of the network's outputs.
        seed: Of the split and of any balancing.
        source_versions: Source name to the release, commit or "unversioned".
        synthetic: True if the images are computed phantoms and not radiographs.
        digest: SHA-256 of the content above, free of machine paths and dates.
        measured_rules: Rules whose detail is a score measured on the picture, which the digest leaves out.
    """

    samples: tuple[Sample, ...]
    exclusions: tuple[Exclusion, ...]
    classes: tuple[str, ...]
    seed: int
    source_versions: Mapping[str, str]
    synthetic: bool
    digest: str
    measured_rules: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Radiograph:
    """One image, ready for preprocessing.

    Attributes:
        pixels: float32 (H, W) in [0, 1], bone bright.
        spacing_mm: (row, column) spacing; None if unknown.
        view: As a DICOM header states it; UNKNOWN otherwise.
        modality, body_part: As a DICOM header states them, in capitals ("DX", "CHEST"); empty otherwise.
        sop_instance_uid: None unless DICOM.
        origin: What a person would call it: the file's path or "<bytes>".
        bits_stored: Of the source image.
        warnings: Short sentences on anything a careful reader should know (for example "colour image averaged").
    """

    pixels: NDArray[np.float32]
    origin: str
    spacing_mm: tuple[float, float] | None = None
    view: View = View.UNKNOWN
    modality: str = ""
    body_part: str = ""
    sop_instance_uid: str | None = None
    bits_stored: int = 8
    warnings: tuple[str, ...] = ()


Intensity = Literal["none", "standardize", "equalize", "clahe"]
Region = Literal["film", "lungs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessSpec:
    """How a `Radiograph` becomes a network's input; the one object that training, prediction and export share.

    Attributes:
        size: Rows and columns of the square input; the image is squeezed to it, because the aspect ratio of the
            public sources gives the class away.
        channels: 1, or 3 equal channels.
        region: ``film``, all of it; ``lungs``: the box around both lung fields with a margin, all of it where none
            are found.
        crop: Share of the region's rows and columns kept around its centre, 1.0 for all of it.
        intensity: ``none``; ``standardize``: to the image's own mean 0.5 and standard deviation 0.25, clipped to
            [0, 1]; ``equalize``: histogram equalisation; ``clahe``: contrast-limited adaptive equalisation.
        mean, std: Applied last, ``(value - mean) / std``, on values in [0, 1].
    """

    size: int
    channels: Literal[1, 3] = 1
    region: Region = "film"
    crop: float = 1.0
    intensity: Intensity = "none"
    mean: float = 0.0
    std: float = 1.0


Status = Literal["ok", "abstain", "refuse", "error"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prediction:
    """What a network, and the program around it, says of one input.

    Attributes:
        record_id: The sample's record_id, or the input's path.
        status: ``ok``; ``abstain``: the prediction set holds more than one class, so that there are probabilities
            but no label; ``refuse``: not an input it may judge;
            ``error``: could not be read.
        classes: In the order of ``logits`` and ``probabilities``.
        logits: float32 (classes,) before softmax; None unless the network ran.
        probabilities: float32 (classes,) calibrated, summing to 1; None unless the network ran.
        label: The predicted class; None unless ``status`` is ``ok``.
        prediction_set: Conformal set of classes at the bundle's coverage; empty if the bundle has none to give, or if
            no class is as probable as in its validation cases.
        reasons: Why it abstained, refused or failed: short stable names, each with a detail after a colon.
        warnings: What the reader should know although there is a label.
        lung_fraction: Share of the evidence for the label, or without one for the likeliest class, that lies inside
            the lungs, in [0, 1]; None if not asked for, or without lungs or evidence.
        bundle_id: First 12 digits of the bundle's digest.
        patient: A pseudonym, or the PatientID if the caller asked for it; empty if nobody asked or it is unknown.
    """

    record_id: str
    status: Status
    classes: tuple[str, ...]
    logits: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float32] | None = None
    label: str | None = None
    prediction_set: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    lung_fraction: float | None = None
    bundle_id: str = ""
    patient: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One measured value with its 95 % confidence interval.

    Attributes:
        name: Such as ``accuracy``, ``sensitivity/COVID-19``, ``auroc/Normal``.
        value: None if not estimable; ``reason`` then says why.
        low, high: Limits of the interval; None if not estimable.
        num_cases: Images the value was computed on.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    num_cases: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationReport:
    """What one model's predictions on one cohort are worth.

    Attributes:
        cohort: Name of the cohort.
        classes: Rows and columns of ``confusion``.
        num_images, num_patients: Size of the cohort.
        metrics: By name, in reading order.
        confusion: int64 (classes, classes); rows actual, columns predicted.
        subgroups: Subgroup name ("sex=F") to its metrics.
        notes: Plain sentences a reader must know (what is confounded, what was seen in training).
    """

    cohort: str
    classes: tuple[str, ...]
    num_images: int
    num_patients: int
    metrics: Mapping[str, Metric]
    confusion: NDArray[np.int64]
    subgroups: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
