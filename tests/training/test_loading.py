from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr.core.types import PreprocessSpec, Record, Sample
from covidcxr.dataset.packed import PackedImages
from covidcxr.imaging.preprocess import finish
from covidcxr.training.loading import carve_validation, epoch_order, finish_images, step_seed, unit_images


def sample(number: int, *, label: str, source: str = "one", group: str = "") -> Sample:
    record = Record(record_id=f"{source}:{number:04d}", source=source, path=Path("x.png"))
    return Sample(
        record=record, label=label, split="train", image="x.png", sha256="", phash="", rows=8, columns=8,
        bits_stored=8, group_id=group or record.record_id,
    )  # fmt: skip


def packed(samples: list[Sample], classes: list[str]) -> PackedImages:
    images = np.random.default_rng(0).integers(0, 256, (len(samples), 8, 8), dtype=np.uint8)
    labels = np.array([classes.index(entry.label) for entry in samples], np.int64)
    return PackedImages(images=images, labels=labels, samples=tuple(samples), path=Path("x.npy"))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("AB"), st.sampled_from(["one", "two"])), min_size=1),
    st.floats(0.05, 0.5),
)
def test_no_group_is_ever_on_both_sides(rows: list[tuple[int, str, str]], fraction: float) -> None:
    samples = [
        sample(index, label=label, source=source, group=f"g{group}")
        for index, (group, label, source) in enumerate(rows)
    ]
    train, validation = carve_validation(samples, fraction=fraction, seed=1)
    assert not {entry.group_id for entry in train} & {entry.group_id for entry in validation}
    assert len(train) + len(validation) == len(samples)
    assert train


def test_every_class_and_source_gives_its_share() -> None:
    samples = [sample(i, label=label, source=source) for label in "AB" for source in ("one", "two") for i in range(40)]
    _, validation = carve_validation(samples, fraction=0.1, seed=1)
    counts = {(label, source): 0 for label in "AB" for source in ("one", "two")}
    for entry in validation:
        counts[entry.label, entry.record.source] += 1
    assert set(counts.values()) == {4}


def test_natural_order_visits_every_image_once_and_differs_by_epoch() -> None:
    images = packed([sample(i, label="A") for i in range(50)], ["A"])
    first, second = (epoch_order(images, sampling="natural", seed=3, epoch=epoch) for epoch in (0, 1))
    assert sorted(first.tolist()) == list(range(50))
    assert first.tolist() != second.tolist()
    assert epoch_order(images, sampling="natural", seed=3, epoch=0).tolist() == first.tolist()


def test_balanced_orders_draw_every_group_alike() -> None:
    samples = [sample(i, label="A") for i in range(6)]
    samples += [sample(i, label="B") for i in range(6, 60)] + [sample(i, label="B", source="two") for i in range(6)]
    images = packed(samples, ["A", "B"])
    order = epoch_order(images, sampling="class", seed=1, epoch=0)
    assert len(order) == 66
    assert abs(int((images.labels[order] == 0).sum()) - 33) <= 1
    order = epoch_order(images, sampling="class-source", seed=1, epoch=0)
    assert int((order >= 60).sum()) == 22
    small = [int((order == row).sum()) for row in range(6)]
    assert max(small) - min(small) <= 1


def test_small_sources_count_by_the_fourth_root_of_their_size() -> None:
    samples = [sample(i, label="A") for i in range(81)] + [sample(81, label="A", source="two")]
    samples += [sample(i, label="B") for i in range(100, 118)]
    images = packed(samples, ["A", "B"])
    order = epoch_order(images, sampling="class-root-source", seed=1, epoch=0)
    assert len(order) == 100
    assert abs(int((images.labels[order] == 1).sum()) - 50) <= 1
    assert abs(int((order == 81).sum()) - 50 / 4) <= 1


@pytest.mark.parametrize("intensity", ["none", "standardize", "equalize", "clahe"])
def test_a_batch_is_prepared_exactly_as_one_film_is_for_prediction(intensity: str) -> None:
    spec = PreprocessSpec(size=8, intensity=intensity, mean=0.4, std=0.3)  # type: ignore[arg-type]
    images = packed([sample(i, label="A") for i in range(3)], ["A"])
    batch = finish_images(unit_images(images, np.arange(3), spec), spec)
    for row in range(3):
        expected = finish(images.images[row].astype(np.float32) / np.float32(255), spec)
        torch.testing.assert_close(batch[row], torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


def test_a_flat_film_is_standardised_to_gray() -> None:
    spec = PreprocessSpec(size=4, intensity="standardize")
    assert torch.equal(finish_images(torch.full((1, 1, 4, 4), 0.8), spec), torch.full((1, 1, 4, 4), 0.5))


def test_step_seeds_differ_in_each_of_their_parts() -> None:
    seeds = {
        step_seed(a, b, c, purpose) for a in range(3) for b in range(3) for c in range(3) for purpose in ("x", "y")
    }
    assert len(seeds) == 54


def test_a_training_clips_outliers_as_a_prediction_does() -> None:
    spec = PreprocessSpec(size=16, channels=1, intensity="standardize")
    images = torch.full((1, 1, 16, 16), 0.5)
    images[0, 0, 0, :8], images[0, 0, 0, 8:] = 0.0, 1.0
    finished = finish_images(images.clone(), spec)
    assert (float(finished.min()), float(finished.max())) == (0.0, 1.0)
    assert np.allclose(finished[0], finish(images[0, 0].numpy(), spec), atol=1e-6)
