from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from covidcxr.core.recipe import AugmentRecipe
from covidcxr.training.augment import augment


def images(num: int = 4, size: int = 16) -> torch.Tensor:
    return torch.rand(num, 1, size, size, generator=torch.Generator().manual_seed(1))


def changed(batch: torch.Tensor, *, seed: int = 5, **recipe: Any) -> torch.Tensor:
    return augment(batch, AugmentRecipe(**recipe), torch.Generator().manual_seed(seed))


def test_an_empty_recipe_changes_nothing() -> None:
    assert torch.equal(changed(images()), images())


def test_a_certain_flip_mirrors_every_image_left_to_right_only() -> None:
    torch.testing.assert_close(changed(images(), flip_horizontal=1.0), images().flip(3), atol=1e-5, rtol=0)


def test_half_of_the_images_are_flipped_on_average() -> None:
    batch = images(400)
    moved = (changed(batch, flip_horizontal=0.5) - batch).abs().amax((1, 2, 3)) > 1e-3
    assert 160 < int(moved.sum()) < 240


def test_resizing_is_enlarging_and_cutting_a_window_of_whole_pixels() -> None:
    batch = images(3)
    enlarged = functional.interpolate(batch, size=20, mode="bilinear", align_corners=False)
    for before, after in zip(enlarged, changed(batch, resize_to=20), strict=True):
        windows = [before[:, y : y + 16, x : x + 16] for y in range(5) for x in range(5)]
        assert min(float((window - after).abs().max()) for window in windows) < 1e-4


def test_contrast_scales_around_each_images_own_mean() -> None:
    batch = images()
    narrow = changed(batch, contrast=(0.1, 0.2))
    torch.testing.assert_close(narrow.mean((1, 2, 3)), batch.mean((1, 2, 3)))
    ratio = narrow.std((1, 2, 3)) / batch.std((1, 2, 3))
    assert ((ratio >= 0.1) & (ratio <= 0.2)).all()
    assert ratio.max() - ratio.min() > 0.005


def test_contrast_about_black_scales_the_image_itself() -> None:
    batch = images()
    ratio = (changed(batch, contrast=(0.1, 0.2), contrast_about="black") / batch).flatten(1)
    assert ratio.std(1).max() < 1e-6
    assert ((ratio >= 0.0999) & (ratio <= 0.2001)).all()


def test_brightness_adds_one_number_to_an_image() -> None:
    difference = changed(images(), brightness=0.3) - images()
    assert difference.std((1, 2, 3)).max() < 1e-6
    assert 0.01 < difference.abs().max() <= 0.3


def test_saturation_leaves_gray_images_as_they_are() -> None:
    assert torch.equal(changed(images(), saturation=(0.5, 1.5)), images())


def test_gamma_keeps_black_and_white_and_moves_the_middle() -> None:
    batch = torch.tensor([0.0, 0.5, 1.0]).repeat(6, 1, 3, 1)
    after = changed(batch, gamma=0.7)
    assert torch.equal(after[..., [0, 2]], batch[..., [0, 2]])
    assert after[..., 1].std() > 0.05


def test_blur_keeps_a_flat_image_and_smooths_a_rough_one() -> None:
    flat = torch.full((4, 1, 16, 16), 0.3)
    torch.testing.assert_close(changed(flat, blur=1.0), flat)
    assert (changed(images(), blur=1.0).var((1, 2, 3)) < images().var((1, 2, 3))).all()


def test_noise_has_at_most_the_deviation_asked_for() -> None:
    deviation = (changed(images(64), noise=0.1) - images(64)).std((1, 2, 3))
    assert deviation.max() < 0.115
    assert deviation.min() < 0.03


def test_erasing_replaces_one_box_by_one_value() -> None:
    batch = images(8, 32)
    for before, after in zip(batch, changed(batch, erase=1.0), strict=True):
        box = (before != after).squeeze(0)
        rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
        assert int(box.sum()) == len(rows) * len(columns) > 0
        assert len(torch.unique(after[0][box])) == 1


def test_a_shift_moves_the_picture_and_keeps_its_values() -> None:
    batch = torch.zeros(20, 1, 32, 32)
    batch[:, :, 12:20, 12:20] = 1.0
    moved = changed(batch, shift=0.2)
    torch.testing.assert_close(moved.sum((1, 2, 3)), batch.sum((1, 2, 3)), atol=1e-2, rtol=1e-3)
    rows = (moved.sum((1, 3)) * torch.arange(32.0)).sum(1) / moved.sum((1, 2, 3)) - 15.5
    assert 3 < rows.abs().max() <= 0.2 * 32 + 1e-3


def test_tone_keeps_black_gray_and_white_and_the_order_of_levels() -> None:
    ramp = torch.linspace(0, 1, 16).repeat(8, 1, 16, 1)
    curves = changed(ramp, tone=1.0)
    torch.testing.assert_close(curves[..., [0, -1]], ramp[..., [0, -1]])
    assert (curves.diff(dim=3) >= -1e-6).all()
    assert (curves - ramp).abs().amax((1, 2, 3)).max() > 0.05


def test_uneven_illumination_is_smooth_and_differs_by_image() -> None:
    lit = changed(torch.full((4, 1, 32, 32), 0.5), illumination=0.2)
    assert lit.std((1, 2, 3)).min() > 0.01
    assert lit.diff(dim=2).abs().max() < 0.1
    assert not torch.allclose(lit[0], lit[1])


def test_a_coarser_grid_takes_detail_and_leaves_the_mean() -> None:
    batch = images(30, 32)
    coarse = changed(batch, resolution=1.0)
    torch.testing.assert_close(coarse.mean((1, 2, 3)), batch.mean((1, 2, 3)), atol=0.03, rtol=0)
    assert (coarse.std((1, 2, 3)) < batch.std((1, 2, 3))).all()


def test_a_turn_by_ninety_degrees_at_most_keeps_the_centre() -> None:
    batch = torch.zeros(6, 1, 17, 17)
    batch[:, :, 8, 8] = 1.0
    after = changed(batch, rotation_degrees=90.0, shear=0.2)
    assert torch.equal(after.flatten(1).argmax(1), torch.full((6,), 8 * 17 + 8))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_generator_gives_the_same_batch(seed: int) -> None:
    recipe = AugmentRecipe(flip_horizontal=0.5, brightness=0.1, resize_to=20, gamma=0.3, blur=0.5, noise=0.1, erase=0.5)
    first, second = (augment(images(), recipe, torch.Generator().manual_seed(seed)) for _ in range(2))
    other = augment(images(), recipe, torch.Generator().manual_seed(seed + 10))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
