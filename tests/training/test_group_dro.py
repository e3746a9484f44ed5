from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from covidcxr.core.errors import TrainingError
from covidcxr.core.types import Record, Sample
from covidcxr.dataset.packed import PackedImages
from covidcxr.training.group_dro import GroupWeights


def packed(*groups: tuple[str, str]) -> PackedImages:
    samples = [
        Sample(
            record=Record(record_id=f"{source}:{number}", source=source, path=Path("x.png")),
            label=label, split="train", image="x.png", sha256="", phash="", rows=8, columns=8, bits_stored=8,
            group_id=str(number),
        )
        for number, (label, source) in enumerate(groups)
    ]  # fmt: skip
    classes = sorted({label for label, _ in groups})
    labels = np.array([classes.index(label) for label, _ in groups])
    return PackedImages(
        images=np.zeros((len(samples), 8, 8), np.uint8), labels=labels, samples=tuple(samples), path=Path("x")
    )


FOUR = packed(("COVID-19", "a"), ("COVID-19", "a"), ("COVID-19", "b"), ("Normal", "a"))


def test_a_group_that_goes_badly_gains_weight_as_the_paper_has_it() -> None:
    groups = GroupWeights(FOUR, 0.5)
    assert groups.names == [("COVID-19", "a"), ("COVID-19", "b"), ("Normal", "a")]
    rows = torch.tensor([0, 1, 3])  # COVID-19 of b is not in the batch
    groups.update(groups.totals(rows, torch.tensor([1.0, 3.0, 1.0])))
    grown = torch.tensor([2.0, 0.0, 1.0]).double().mul(0.5).exp()
    torch.testing.assert_close(groups.weights, grown / grown.sum())


def test_a_batch_counts_the_mean_loss_of_each_group_times_its_weight() -> None:
    groups = GroupWeights(FOUR, 0.5)
    groups.weights = torch.tensor([0.5, 0.2, 0.3]).double()
    batch, losses = torch.tensor([3, 0, 1, 2]), torch.tensor([4.0, 1.0, 3.0, 5.0])
    weighted = losses * groups.image_weights(batch, batch)
    assert float(weighted.mean()) == pytest.approx(0.5 * 2 + 0.2 * 5 + 0.3 * 4)
    halves = [losses[half] * groups.image_weights(batch[half], batch) for half in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(torch.cat(halves), weighted)


def test_the_weights_of_other_groups_are_refused() -> None:
    with pytest.raises(TrainingError, match="no weights of these groups"):
        GroupWeights(FOUR, 0.5).load_state({"groups.weights": torch.ones(2)})
