from __future__ import annotations

import numpy as np
import pytest
import torch

from covidcxr.training.mixing import mix


def images() -> torch.Tensor:
    return torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 20, 20).contiguous()


def test_without_either_a_batch_stays_as_it_is() -> None:
    mixed = mix(images(), np.random.default_rng(0), mixup=0.0, cutmix=0.0)
    assert mixed.share == 1.0
    assert torch.equal(mixed.images, images())


@pytest.mark.parametrize("seed", range(5))
def test_mixup_blends_each_image_with_its_partner_in_the_share(seed: int) -> None:
    mixed = mix(images(), np.random.default_rng(seed), mixup=1.0, cutmix=0.0)
    assert 0.5 <= mixed.share < 1.0
    expected = mixed.share * images() + (1 - mixed.share) * images()[mixed.partners]
    torch.testing.assert_close(mixed.images, expected)


@pytest.mark.parametrize("seed", range(5))
def test_cutmix_takes_a_box_of_the_partner_and_counts_its_area(seed: int) -> None:
    mixed = mix(images(), np.random.default_rng(seed), mixup=0.0, cutmix=1.0)
    assert 0.5 <= mixed.share <= 1.0
    for row, partner in enumerate(mixed.partners.tolist()):
        if partner != row:
            own = (mixed.images[row] == row).float().mean()
            assert float(own) == pytest.approx(mixed.share)
            assert set(mixed.images[row].unique().tolist()) <= {float(row), float(partner)}


def test_with_both_a_coin_chooses_and_the_same_seed_gives_the_same_batch() -> None:
    found = [mix(images(), np.random.default_rng(seed), mixup=1.0, cutmix=1.0) for seed in range(12)]
    blended = [not torch.equal(one.images, one.images.round()) for one in found]
    assert 0 < sum(blended) < 12
    assert torch.equal(found[3].images, mix(images(), np.random.default_rng(3), mixup=1.0, cutmix=1.0).images)
