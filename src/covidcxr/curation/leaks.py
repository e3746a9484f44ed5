"""What could tell the classes apart without a look at the lungs, and how well it does.

Each kind of nuisance (brightness, borders, file size, source, age, ...) is given alone to a small additive model: one
weight for each sixteenth of each number's range, or for each value of a name, fitted by ridge regression. Its scores
are out-of-fold over five folds of whole patients, and are compared with each class in turn by the area under the ROC
curve, with a patient-clustered DeLong interval. 0.5 means that the nuisance tells nothing, 1 that it tells the class.
The interval is that of the scores at hand: it leaves out that another sample would fit other weights, so that nominal
95 % confidence intervals hold the truth in 84-89 % of simulated samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Manifest, Record, Sample, View
from covidcxr.curation.copy_report import CopyReport
from covidcxr.curation.image_work import ImageFacts
from covidcxr.dataset.tables import age_group
from covidcxr.metrics.delong import delong

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "six intensity numbers": (
        *("intensity_mean", "intensity_deviation", "intensity_p05"),
        *("intensity_p50", "intensity_p95", "intensity_black_share"),
    ),
    "border strips": ("border_top", "border_bottom", "border_left", "border_right"),
    "aspect ratio": ("aspect_ratio",),
    "image size": ("rows", "columns"),
    "file size": ("file_bytes",),
    "JPEG quantisation": ("jpeg_quantisation",),
}
_NAMES = ("source", "age", "adult or child", "sex", "view")
_FOLDS = 5
_BINS = 16
_RIDGE = 1.0
_MIN_IMAGES = 10  # of a class and of the others, below which nothing is estimated
STRONG, PERFECT = 0.7, 0.95

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """How well one nuisance alone tells one class from the others.

    Attributes:
        nuisance: Such as ``aspect ratio`` or ``source``.
        label: The class.
        auroc, low, high: Area under the ROC curve with its 95 % confidence interval, models not
            refitted; None if not estimable.
        num_images: Images that the nuisance is known of.
        reason: Why it is not estimable; empty otherwise.
    """

    nuisance: str
    label: str
    auroc: float | None
    low: float | None
    high: float | None
    num_images: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakReport:
    """All leaks of a dataset.

    Attributes:
        leaks: Every nuisance with every class.
        num_crossing_patients, num_crossing_groups: Patients, and groups of copies, in more than one split.
        copies: Copies in different splits or under different labels, as far as they were looked for.
        verdict: ``leaks``: a nuisance tells a class almost perfectly, or something crosses splits; ``doubtful``: a
            nuisance tells one clearly; ``not estimable``: neither, but of some class nothing could be measured;
            ``no strong leak``.
        sentences: The verdict in plain words, worst first.
    """

    leaks: tuple[Leak, ...]
    num_crossing_patients: int
    num_crossing_groups: int
    copies: CopyReport
    verdict: str
    sentences: tuple[str, ...]

    @property
    def crossing(self) -> str:
        """What is in more than one split, in one sentence, also where that is nothing."""
        searched = {"off": "near-duplicates not searched for", "report": "near-duplicates by perceptual hash"}
        return (
            f"In more than one split: patients {self.num_crossing_patients}, groups of copies "
            f"{self.num_crossing_groups}, pairs of copies {len(self.copies.crossing)} "
            f"({searched.get(self.copies.search, 'edited copies searched for')})."
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Cases:
    """Labels (N,) and groups (N,), numbered in the order of their names, of the images that a nuisance is known of."""

    labels: NDArray[np.str_]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> _Cases:
        names = np.array([sample.group_id for sample in samples], dtype=np.str_)
        labels = np.array([sample.label for sample in samples], dtype=np.str_)
        return cls(labels=labels, groups=np.unique(names, return_inverse=True)[1])

    def where(self, known: NDArray[np.bool_]) -> _Cases:
        return _Cases(labels=self.labels[known], groups=np.unique(self.groups[known], return_inverse=True)[1])


def find_leaks(manifest: Manifest, facts: Mapping[str, ImageFacts], copies: CopyReport | None = None) -> LeakReport:
    """Return the leak report of a manifest; ``facts`` by record_id are those of the image work."""
    copies = copies or CopyReport()
    samples = manifest.samples
    cases = _Cases.of(samples)
    leaks: list[Leak] = []
    for nuisance, names in _NUMBERS.items():
        table = np.array([[_number(facts[sample.record.record_id], name) for name in names] for sample in samples])
        leaks += _measure(nuisance, cases, _binned(table), manifest.classes)
    for nuisance in _NAMES:
        leaks += _measure_known(nuisance, samples, cases, manifest.classes)
    patients = _num_crossing([(sample.record.patient_id, sample.split) for sample in samples])
    groups = _num_crossing([(sample.group_id, sample.split) for sample in samples])
    verdict, sentences = _judge(leaks, manifest.classes, patients, groups, copies)
    return LeakReport(
        leaks=tuple(leaks),
        num_crossing_patients=patients,
        num_crossing_groups=groups,
        copies=copies,
        verdict=verdict,
        sentences=tuple(sentences),
    )


def _number(facts: ImageFacts, name: str) -> float:
    return float(getattr(facts, name)) if name in ("rows", "columns") else facts.numbers[name]


def _measure_known(nuisance: str, samples: Sequence[Sample], cases: _Cases, classes: Sequence[str]) -> list[Leak]:
    """Measure a nuisance that is unknown of some images: those are left out."""
    values = [_named_value(nuisance, sample.record) for sample in samples]
    words = [value for value in values if value]
    if nuisance == "age":
        design = _binned(np.array([float(word) for word in words]).reshape(len(words), 1))
    else:
        design = np.array(words, dtype=np.str_)[:, None] == np.array(sorted(set(words)), dtype=np.str_)
    known = np.array([bool(value) for value in values], dtype=np.bool_)
    return _measure(nuisance, cases.where(known), design.astype(np.float64), classes)


def _named_value(nuisance: str, record: Record) -> str:
    """Return what is known of a record, as text; empty if nothing is."""
    if nuisance == "source":
        return record.source
    if nuisance == "age":
        return "" if record.age_years is None else str(record.age_years)
    if nuisance == "adult or child":
        return age_group(record)
    if nuisance == "sex":
        return record.sex.value if record.sex is not None else ""
    return "" if record.view is View.UNKNOWN else record.view.value


def _measure(nuisance: str, cases: _Cases, design: FloatArray, classes: Sequence[str]) -> list[Leak]:
    labels, groups, num_images = cases.labels, cases.groups, len(cases.labels)
    targets = (labels[:, None] == np.array(classes)).astype(np.float64)
    scores = out_of_fold(design, targets, groups) if num_images else None
    leaks = []
    for column, label in enumerate(classes):
        positive = labels == label
        few = min(int(positive.sum()), int((~positive).sum()))
        num_groups = int(groups.max()) + 1 if num_images else 0
        if scores is None or few < _MIN_IMAGES or num_groups < 2 * _FOLDS:
            which = label if int(positive.sum()) == few else f"the classes other than {label}"
            only = f"{few} images of {which}" if few < _MIN_IMAGES else f"{num_groups} patients or images"
            reason = f"known of only {only}"
            leaks.append(_not_estimable(nuisance, label, num_images, reason))
            continue
        found = delong(positive, scores[:, column], groups=groups)
        if found.reason:
            leaks.append(_not_estimable(nuisance, label, num_images, f"known of too few: {found.reason}"))
            continue
        leaks.append(
            Leak(
                nuisance=nuisance,
                label=label,
                auroc=round(found.value, 4),
                low=round(found.low, 4),
                high=round(found.high, 4),
                num_images=num_images,
            )
        )
    return leaks


def out_of_fold(design: FloatArray, targets: FloatArray, groups: NDArray[np.int64]) -> FloatArray:
    """Return ridge-regression scores (N, K) of every case from the folds that its group is not in.

    Args:
        design: (N, P) numbers.
        targets: (N, K), 1 for the class of a case, 0 elsewhere.
        groups: (N,) integers; a group is in one fold only.
    """
    folds = np.random.default_rng(0).permutation(int(groups.max()) + 1)[groups] % _FOLDS
    full = np.column_stack([np.ones(len(design)), design])
    penalty = _RIDGE * np.eye(full.shape[1])
    penalty[0, 0] = 1e-6
    scores = np.zeros_like(targets)
    for fold in range(_FOLDS):
        inside, outside = folds == fold, folds != fold
        weights = np.linalg.solve(full[outside].T @ full[outside] + penalty, full[outside].T @ targets[outside])
        scores[inside] = full[inside] @ weights
    return scores


def _binned(table: FloatArray) -> FloatArray:
    """Return one indicator for each sixteenth of each column's ranked values; equal values are in one bin."""
    blocks = []
    for column in table.T:
        edges = np.unique(np.quantile(column, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(column) else np.zeros(0)
        places = np.searchsorted(edges, column, side="right")
        blocks.append(np.eye(len(edges) + 1)[places])
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((len(table), 0))


def _not_estimable(nuisance: str, label: str, num_images: int, reason: str) -> Leak:
    return Leak(nuisance=nuisance, label=label, auroc=None, low=None, high=None, num_images=num_images, reason=reason)


def _num_crossing(pairs: Sequence[tuple[str | None, str]]) -> int:
    places: dict[str, set[str]] = defaultdict(set)
    for name, split in pairs:
        if name is not None:
            places[name].add(split)
    return sum(len(splits) > 1 for splits in places.values())


def _judge(
    leaks: Sequence[Leak], classes: Sequence[str], patients: int, groups: int, copies: CopyReport
) -> tuple[str, list[str]]:
    measured = sorted((leak for leak in leaks if leak.auroc is not None), key=lambda leak: -(leak.auroc or 0.0))
    strong = [leak for leak in measured if leak.low is not None and leak.low >= STRONG]
    perfect = [leak for leak in strong if leak.auroc is not None and leak.auroc >= PERFECT]
    unknown = [label for label in classes if label not in {leak.label for leak in measured}]
    crosses = bool(patients or groups or copies.crossing)
    verdict = (
        "leaks" if perfect or crosses else "doubtful" if strong else "not estimable" if unknown else "no strong leak"
    )
    sentences = copies.findings()
    if patients or groups:
        sentences.insert(0, f"{patients} patients and {groups} groups of copies are in more than one split.")
    worst = {leak.nuisance: leak for leak in reversed(strong)}  # the strongest of each nuisance stays
    for leak in sorted(worst.values(), key=lambda leak: -(leak.auroc or 0.0)):
        sentences.append(
            f"{leak.nuisance[0].upper()}{leak.nuisance[1:]} alone tells {leak.label} from the rest: "
            f"AUROC {leak.auroc:.3f} ({leak.low:.3f}-{leak.high:.3f}) on {leak.num_images} images."
        )
    if perfect:
        sentences.append("A network needs no lung to score high here; its figures on this dataset prove nothing alone.")
    for label in unknown:
        best = max((leak for leak in leaks if leak.label == label), key=lambda leak: leak.num_images)
        sentences.append(f"Not estimable for {label}: even {best.nuisance} is {best.reason}.")
    if strong:
        sentences.append(
            "The intervals are those of the scores at hand: the small models were not refitted in them, so nominal "
            "95 % ones hold the truth in 84-89 % of samples."
        )
    if measured and not strong:
        sentences.append(f"No nuisance measured tells a class with an AUROC surely above {STRONG}.")
    return verdict, sentences
