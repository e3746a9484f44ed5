"""What a network's own dataset tells of a cohort: files that both hold, and how far image brightness alone gets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from covidcxr.core.progress import Progress
from covidcxr.core.types import Metric, Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.packed import PackedImages, pack
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.nuisance import NuisanceResult, intensity_features, nuisance_baseline
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle_info import BundleInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """Images of an external cohort whose file is byte for byte in the network's own dataset.

    Attributes:
        in_training: Of those, whose file is in a split that is not the test.
        anywhere: In any of its splits.
    """

    in_training: int = 0
    anywhere: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the cohort's figures must know; empty without copies."""
        if not self.anywhere:
            return ()
        words = f"{self.in_training} of its files are byte for byte in the training images"
        if self.anywhere > self.in_training:
            words = (
                f"{self.anywhere} of its files are byte for byte in the network's own dataset, {self.in_training} in "
                "its training"
            )
        return (f"{words}: it is not wholly external.",)


NO_COPIES = Copies()


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnDataset:
    """The dataset that a network was trained on.

    Attributes:
        dataset: The dataset.
        info: Of the bundle.
        cache: Folder of packed images; those of the training are used again if they are there.
        progress: Progress reporter.
    """

    dataset: Dataset
    info: BundleInfo
    cache: Path
    progress: Progress

    def copies_in(self, dataset: Dataset, record_ids: Sequence[str]) -> Copies:
        """Count the cases of ``dataset`` whose file is in this one, as its sources publish it or as it is stored."""
        judged = set(record_ids)
        files = [dataset.digests_of(sample) for sample in dataset.samples if sample.record.record_id in judged]
        everywhere, training = self._digests
        return Copies(
            in_training=sum(not training.isdisjoint(digests) for digests in files),
            anywhere=sum(not everywhere.isdisjoint(digests) for digests in files),
        )

    def nuisance(
        self, dataset: Dataset, cohort: Cohort, network: Mapping[str, Metric], intervals: IntervalSettings
    ) -> NuisanceResult | None:
        """Return how far six intensity numbers get on ``cohort``; None if the training has one class only.

        ``network`` are the network's metrics on the same cohort.
        """
        if len({sample.label for sample in self._train}) < 2:
            return None
        features, packed = self._training_features
        by_id = {sample.record.record_id: sample for sample in dataset.samples}
        judged = [by_id[record_id] for record_id in cohort.record_ids]
        images = self._packed(dataset, judged).images
        return nuisance_baseline(
            features, packed.labels, intensity_features(images), cohort, network=dict(network), intervals=intervals
        )

    @cached_property
    def _train(self) -> list[Sample]:
        return [sample for sample in self.dataset.samples if sample.split == "train"]

    @cached_property
    def _training_features(self) -> tuple[FloatArray, PackedImages]:
        packed = self._packed(self.dataset, self._train)
        return intensity_features(packed.images), packed

    @cached_property
    def _digests(self) -> tuple[frozenset[str], frozenset[str]]:
        """The digests of all its files, and of those that are not of the test split."""
        files = [(sample.split, self.dataset.digests_of(sample)) for sample in self.dataset.samples]
        everywhere = frozenset[str]().union(*(digests for _, digests in files))
        training = frozenset[str]().union(*(digests for split, digests in files if split != "test"))
        return everywhere, training

    def _packed(self, dataset: Dataset, samples: Sequence[Sample]) -> PackedImages:
        spec = self.info.preprocess
        return pack(
            dataset,
            samples,
            size=spec.size,
            region=spec.region,
            crop=spec.crop,
            cache=self.cache,
            progress=self.progress,
        )
