from __future__ import annotations

import math

import pytest
import torch

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import LossRecipe
from covidcxr.training.losses import (
    class_weights,
    cross_entropy,
    focal_cross_entropy,
    image_losses,
    smooth_targets,
)


def test_keras_spreads_the_smoothing_over_every_class() -> None:
    targets = smooth_targets(torch.tensor([1]), 3, LossRecipe(label_smoothing=0.12))
    torch.testing.assert_close(targets, torch.tensor([[0.04, 0.92, 0.04]]))


def test_the_paper_spreads_it_over_the_other_classes() -> None:
    targets = smooth_targets(torch.tensor([0]), 3, LossRecipe(label_smoothing=0.12, smoothing_kind="paper"))
    torch.testing.assert_close(targets, torch.tensor([[0.88, 0.06, 0.06]]))


def test_cross_entropy_of_uniform_logits_is_the_logarithm_of_the_classes() -> None:
    losses = cross_entropy(torch.zeros(2, 3, dtype=torch.bfloat16), torch.eye(3)[:2])
    torch.testing.assert_close(losses, torch.full((2,), math.log(3)))


def test_weights_scale_a_batch_by_its_classes_and_divide_by_its_size_as_keras_does() -> None:
    weights = class_weights(["COVID-19", "Normal", "Pneumonia"], LossRecipe(class_weights={"covid19": 10, "Normal": 3}))
    losses = image_losses(torch.zeros(3, 3), torch.tensor([0, 1, 2]), weights, LossRecipe())
    assert float(losses.mean()) == pytest.approx(math.log(3) * (10 + 3 + 1) / 3)


def test_a_weight_for_an_unknown_class_is_refused() -> None:
    with pytest.raises(RecipeError, match="'Tuberculosis' is none of"):
        class_weights(["COVID-19", "Normal"], LossRecipe(class_weights={"Tuberculosis": 2.0}))


def test_the_focal_loss_scales_what_is_sure_by_its_doubt() -> None:
    logits, targets = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    sure = float(torch.softmax(logits, 1)[0, 0])
    found = focal_cross_entropy(logits, targets, 2.0)
    assert float(found) == pytest.approx(-((1 - sure) ** 2) * math.log(sure), rel=1e-5)
    torch.testing.assert_close(focal_cross_entropy(logits, targets, 0.0), cross_entropy(logits, targets))


def test_the_focal_loss_of_a_certain_answer_has_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    image_losses(logits, torch.tensor([0]), torch.ones(2), LossRecipe(focal=0.5)).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
