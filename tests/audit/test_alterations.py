"""What the alterations do to pixels."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.lung_regions import CENTRAL_BOX, boxed
from covidcxr.audit.plants import PLANTS, plant
from covidcxr.audit.shortcuts.border_only import keep_border
from covidcxr.audit.shortcuts.corner_marks import wipe_corners
from covidcxr.audit.shortcuts.histogram_matched import match_histogram, mean_quantiles
from covidcxr.audit.shortcuts.lungs_blacked_out import black_out_lungs
from covidcxr.audit.shortcuts.lungs_only import keep_lungs
from covidcxr.audit.shortcuts.patches_shuffled import shuffle_patches
from covidcxr.audit.shortcuts.thumbnail import thumbnails


def films(count: int = 3, size: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (count, size, size), dtype=np.uint8)


def mask() -> np.ndarray:
    lungs = np.zeros((80, 80), dtype=bool)
    lungs[20:60, 10:30] = lungs[20:60, 50:70] = True
    return lungs


def test_blacking_out_the_lungs_covers_both_and_what_lies_between_and_nothing_far_away() -> None:
    images = films()
    altered = black_out_lungs(images, boxed(films(size=80), [mask()] * 3))
    assert (altered[:, 10:30, 5:35] == 0).all()
    assert (altered[:, 8:32, 3:37] == 0).mean() > 0.9
    np.testing.assert_array_equal(altered[:, :7], images[:, :7])


def test_only_the_lungs_is_black_everywhere_else() -> None:
    images = films()
    altered = keep_lungs(images, boxed(films(size=80), [mask()] * 3))
    inside = mask()[::2, ::2]
    np.testing.assert_array_equal(altered[:, inside], images[:, inside])
    assert (altered[:, ~inside] == 0).all()


def test_where_no_lungs_are_found_a_central_box_stands_in_and_is_counted() -> None:
    regions = boxed(films(2, 100), [None, np.ones((100, 100), dtype=bool)])
    assert regions.found.tolist() == [False, True]
    assert regions.boxes[0].tolist() == list(CENTRAL_BOX)
    assert regions.masks[0].sum() == 76 * 84


def test_the_common_box_leaves_the_edge_of_the_film_free_even_where_lungs_touch_it() -> None:
    everywhere = boxed(films(4, 100), [np.ones((100, 100), dtype=bool)] * 4)
    box = everywhere.common_box(50)
    assert not box[:4].any()
    assert not box[:, -4:].any()
    assert box[5:45, 5:45].all()
    some = boxed(films(5, 100), [np.pad(np.ones((40, 40), dtype=bool), 30)] * 5).common_box(100)
    assert np.flatnonzero(some.any(axis=1))[[0, -1]].tolist() == [26, 73]


def test_only_the_border_is_left() -> None:
    images = films()
    altered = keep_border(images, border=0.1)
    assert (altered[:, 4:36, 4:36] == 0).all()
    np.testing.assert_array_equal(altered[:, :4], images[:, :4])
    np.testing.assert_array_equal(altered[:, :, 36:], images[:, :, 36:])


def test_shuffled_patches_are_the_same_patches_elsewhere() -> None:
    images = films(size=42)
    altered = shuffle_patches(images, np.random.default_rng(1), grid=4)
    before = {images[0, r : r + 10, c : c + 10].tobytes() for r in range(0, 40, 10) for c in range(0, 40, 10)}
    after = {altered[0, r : r + 10, c : c + 10].tobytes() for r in range(0, 40, 10) for c in range(0, 40, 10)}
    assert before == after
    assert (images[0] != altered[0]).mean() > 0.5
    np.testing.assert_array_equal(altered[:, 40:], images[:, 40:])


def test_matched_images_have_the_reference_histogram_in_their_own_order() -> None:
    images = films()
    quantiles = mean_quantiles(films(5) // 2)
    altered = match_histogram(images, quantiles)
    for image, changed in zip(images, altered, strict=True):
        np.testing.assert_array_equal(np.sort(changed.ravel()), np.round(quantiles).astype(np.uint8))
        brighter = image.ravel()[:, None] > image.ravel()[None, :]
        assert (changed.ravel()[:, None] >= changed.ravel()[None, :])[brighter].all()


def test_wiping_the_corners_removes_a_mark_and_leaves_the_middle() -> None:
    images = np.full((2, 80, 80), 60, dtype=np.uint8)
    altered = wipe_corners(PLANTS["tag"](images))
    np.testing.assert_array_equal(altered, images)
    noisy = films(size=80)
    np.testing.assert_array_equal(wipe_corners(noisy)[:, 24:56, 24:56], noisy[:, 24:56, 24:56])


def test_thumbnails_are_area_averages() -> None:
    images = films(size=64)
    expected = images.reshape(3, 8, 8, 8, 8).mean(axis=(2, 4))
    assert np.abs(thumbnails(images) - expected).max() <= 0.51


def test_planting_reaches_the_share_it_names() -> None:
    image = np.random.default_rng(1).integers(80, 120, (16, 16), dtype=np.uint8)
    images = np.tile(image, (4000, 1, 1))
    positive = np.arange(4000) % 2 == 0
    for kind in PLANTS:
        changed = (plant(images, positive, kind, share=0.8, generator=np.random.default_rng(0)) != image).any(
            axis=(1, 2)
        )
        assert abs(changed[positive].mean() - 0.8) < 0.03
        assert abs(changed[~positive].mean() - 0.2) < 0.03
