from __future__ import annotations

import math

import pytest
import torch

from covidcxr.training.scores import Scores


def test_precision_and_recall_are_micro_averages_at_one_half() -> None:
    probabilities = torch.tensor([[0.6, 0.3, 0.1], [0.4, 0.35, 0.25], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    scores = Scores(num_classes=3)
    scores.add(probabilities.log(), torch.tensor([0, 0, 0, 2]), loss=0.5)
    metrics = scores.metrics()
    assert metrics["accuracy"] == 3 / 4  # rows 0, 1 and 3
    assert metrics["precision"] == pytest.approx(2 / 3)  # rows 0, 2 and 3 claim a class; row 2 wrongly
    assert metrics["recall"] == 2 / 4  # row 1 claims nothing
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_the_loss_is_a_mean_over_images_not_over_batches() -> None:
    scores = Scores(num_classes=2)
    scores.add(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64), loss=1.0)
    scores.add(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), loss=5.0)
    assert math.isclose(scores.metrics()["loss"], 2.0)


def test_counts_come_back_from_a_checkpoint() -> None:
    scores = Scores(num_classes=2)
    scores.add(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([0, 0]), loss=0.25)
    again = Scores.from_state(scores.state())
    assert again.metrics() == scores.metrics()
    assert again.confusion.tolist() == scores.confusion.tolist()


def test_totals_of_two_processes_add_up_to_the_scores_of_one() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.5]]), torch.tensor([0, 0, 1])
    whole, first, second = (Scores(num_classes=2) for _ in range(3))
    whole.add(logits, labels, loss=0.5)
    first.add(logits[:1], labels[:1], loss=0.5)
    second.add(logits[1:], labels[1:], loss=0.5)
    together = Scores.from_totals(first.totals() + second.totals(), 2)
    assert together.metrics() == whole.metrics()
    assert together.confusion.tolist() == whole.confusion.tolist()
