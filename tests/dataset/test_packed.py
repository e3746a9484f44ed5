from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.core.errors import DatasetError, ImageReadError
from covidcxr.dataset import Dataset
from covidcxr.dataset.packed import pack
from dataset_builders import compiled_dataset, sample


def _dataset(root: Path) -> Dataset:
    compiled_dataset(root, sample("a.png"), sample("b.png", label="Normal"), sample("c.png", split="test"))
    return Dataset.open(root)


def test_packed_images_are_the_samples_in_order(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    packed = pack(dataset, dataset.split("train"), size=20, cache=tmp_path / "cache")
    assert packed.images.shape == (2, 20, 20)
    assert packed.images.dtype == np.uint8
    assert packed.labels.tolist() == [0, 1]
    assert [item.record.record_id for item in packed.samples] == ["cohen:a.png", "cohen:b.png"]
    for row, item in zip(packed.images, packed.samples, strict=True):
        with Image.open(dataset.image_path(item)) as image:
            expected = np.asarray(image.resize((20, 20), Image.Resampling.BOX), dtype=float)
        assert np.abs(row - expected).mean() < 3


def test_a_second_pack_reads_no_image(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    first = pack(dataset, dataset.samples, size=16, cache=tmp_path / "cache")
    for item in dataset.samples:
        dataset.image_path(item).unlink()
    again = pack(dataset, dataset.samples, size=16, cache=tmp_path / "cache")
    assert np.array_equal(first.images, again.images)


def test_size_crop_and_samples_each_have_their_own_file(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    cache = tmp_path / "cache"
    paths = {
        pack(dataset, dataset.samples, size=16, cache=cache).path,
        pack(dataset, dataset.samples, size=17, cache=cache).path,
        pack(dataset, dataset.samples, size=16, crop=0.8, cache=cache).path,
        pack(dataset, dataset.split("test"), size=16, cache=cache).path,
    }
    assert len(paths) == 4


def test_a_cut_cache_file_is_packed_again(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    first = pack(dataset, dataset.samples, size=16, cache=tmp_path / "cache")
    expected = np.array(first.images)
    path = first.path
    del first
    path.write_bytes(path.read_bytes()[:200])
    assert np.array_equal(pack(dataset, dataset.samples, size=16, cache=tmp_path / "cache").images, expected)


def test_an_unreadable_image_leaves_no_cache_file(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    dataset.image_path(dataset.samples[1]).write_text("not an image")
    with pytest.raises(ImageReadError, match=r"cohen__b\.png\.jpg"):
        pack(dataset, dataset.samples, size=16, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_nothing_to_pack_is_refused(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "data")
    with pytest.raises(DatasetError, match="no samples"):
        pack(dataset, (), size=16, cache=tmp_path / "cache")
