from __future__ import annotations

import numpy as np
import pytest

from covidcxr.evaluation.told_by_name import area_above_chance, class_shares, told_by_other_patients
from covidcxr.metrics.discrimination import auroc


def test_random_labels_of_sixty_sources_are_not_told_by_the_source() -> None:
    areas, in_sample, corrected = [], [], []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        labels, sources = generator.integers(0, 2, 300), generator.integers(0, 60, 300).astype(np.str_)
        groups = np.arange(300).astype(np.str_)
        areas.append(auroc(labels == 1, told_by_other_patients(sources, labels, groups, 2, seed=seed)[:, 1]))
        corrected.append(area_above_chance(sources, labels == 1, groups))
        in_sample.append(auroc(labels == 1, class_shares(sources, labels, sources, 2)[:, 1]))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)
    assert np.mean(corrected) < 0.54
    assert np.mean(in_sample) > 0.7  # with its own label among them, a source tells random labels


def test_a_source_of_its_own_tells_its_class_wholly_and_few_patients_tell_nothing() -> None:
    labels = np.arange(40) % 2
    sources, groups = np.where(labels, "north", "south"), (np.arange(40) // 2).astype(np.str_)
    assert auroc(labels == 1, told_by_other_patients(sources, labels, np.arange(40).astype(np.str_), 2)[:, 1]) == 1.0
    assert area_above_chance(sources, labels == 1, np.arange(40).astype(np.str_)) == 1.0
    one_patient_a_class = np.where(labels, "a", "b")
    assert np.ptp(told_by_other_patients(sources, labels, one_patient_a_class, 2)) == 0
    assert told_by_other_patients(sources, labels, groups, 2).shape == (40, 2)
