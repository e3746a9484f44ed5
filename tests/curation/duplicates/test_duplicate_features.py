from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from fabricated_films import film

from covidcxr.curation.duplicates import features
from covidcxr.curation.duplicates.features import ImageFeatures, compute_features, mirror_descriptors, mirror_keypoints
from covidcxr.imaging.phash import perceptual_hash


def test_features_survive_the_way_through_bytes() -> None:
    here = compute_features(film(1))
    again = ImageFeatures.from_bytes(here.to_bytes())
    for name in ("thumbnail", "hashes", "keypoints", "descriptors"):
        np.testing.assert_array_equal(getattr(here, name), getattr(again, name))


def test_cut_bytes_are_refused() -> None:
    data = compute_features(film(1)).to_bytes()
    with pytest.raises(ValueError, match="found"):
        ImageFeatures.from_bytes(data[:-1])
    with pytest.raises(ValueError, match="not image features"):
        ImageFeatures.from_bytes(b"\x89PNG" + data[4:])


def test_floats_and_bytes_of_one_film_have_the_same_hash() -> None:
    pixels = film(2)
    from_float = compute_features(pixels.astype(np.float32) / 255)
    np.testing.assert_array_equal(from_float.hashes, compute_features(pixels).hashes)


def test_the_hash_is_that_of_imaging_on_the_thumbnail() -> None:
    found = compute_features(film(3))
    assert f"{int(found.hashes[0]):016x}" == perceptual_hash(found.thumbnail)


def test_mirrored_features_are_those_of_the_mirrored_film() -> None:
    pixels = film(4)
    here, there = compute_features(pixels), compute_features(pixels[:, ::-1].copy())
    places, looks = mirror_keypoints(here.keypoints), mirror_descriptors(here.descriptors)
    distances = []
    for place, look in zip(places, looks, strict=True):
        apart = np.hypot(*(there.keypoints[:, :2] - place[:2]).T)
        turned = np.abs((there.keypoints[:, 3] - place[3] + 180) % 360 - 180)
        near = np.flatnonzero((apart < 1) & (turned < 5))
        if len(near):
            distances.append(np.linalg.norm(there.descriptors[near].astype(float) - look, axis=1).min())
    assert len(distances) > 0.8 * len(places)
    assert np.median(distances) < 60  # of descriptors about 512 long


def test_threads_do_not_share_what_they_measure_with() -> None:
    barrier = Barrier(2)

    def tools(_: int) -> tuple[object, ...]:
        barrier.wait()
        return features._tools()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(tools, range(2))
    assert not set(map(id, first)) & set(map(id, second))
