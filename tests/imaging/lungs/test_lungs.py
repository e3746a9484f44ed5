"""Lung fields on computed phantoms, whose anatomy is known."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import BundleError, ImageReadError
from covidcxr.core.types import Radiograph
from covidcxr.imaging.lungs import segment as lungs
from covidcxr.imaging.lungs.segment import fields_from_logits, lung_network_card, segment_lungs, segment_lungs_batch
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return draw_film(np.random.default_rng(5), "normal", size=300)


def test_a_frontal_film_has_a_right_lung_on_the_images_left_and_a_left_lung_on_its_right(film: np.ndarray) -> None:
    fields = segment_lungs(film)
    assert fields.found
    assert fields.right.shape == fields.left.shape == film.shape
    assert np.nonzero(fields.right)[1].mean() < film.shape[1] / 2 < np.nonzero(fields.left)[1].mean()
    assert not (fields.right & fields.left).any()
    assert 0.08 < fields.both.mean() < 0.6


def test_the_fields_are_where_the_phantom_is_dark(film: np.ndarray) -> None:
    fields = segment_lungs(film)
    middle = film[film.shape[0] // 4 : film.shape[0] // 2]
    inside = fields.both[film.shape[0] // 4 : film.shape[0] // 2]
    columns = slice(film.shape[1] // 5, -film.shape[1] // 5)
    assert middle[:, columns][inside[:, columns]].mean() < 0.8 * middle[:, columns][~inside[:, columns]].mean()


def test_the_box_holds_both_lungs_and_nothing_more(film: np.ndarray) -> None:
    fields = segment_lungs(film)
    assert fields.box is not None
    x, y, width, height = fields.box
    rows, columns = np.nonzero(fields.both)
    assert (columns.min(), rows.min()) == (x, y)
    assert (columns.max() - x + 1, rows.max() - y + 1) == (width, height)


def test_brightness_and_contrast_do_not_move_the_lungs(film: np.ndarray) -> None:
    first = segment_lungs(film)
    other = segment_lungs((film.astype(np.float32) * 0.4 + 30.0) / 255.0)
    assert np.mean(first.both != other.both) < 1e-3


def test_a_mirrored_film_keeps_the_right_lung_on_the_images_left(film: np.ndarray) -> None:
    fields = segment_lungs(np.ascontiguousarray(film[:, ::-1]))
    assert fields.found
    assert np.nonzero(fields.right)[1].mean() < np.nonzero(fields.left)[1].mean()


@pytest.mark.parametrize("kind", ["lateral", "ct"])
def test_views_without_two_fields_answer_not_found(kind: str) -> None:
    for seed in range(4):
        fields = segment_lungs(draw_film(np.random.default_rng(seed), kind))
        assert not fields.found
        assert not fields.both.any()
        assert fields.box is None
        assert fields.reasons[0].startswith("no-lungs")


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((64, 64), np.uint8),
        np.full((200, 100), 0.5, np.float32),
        np.tile(np.arange(256, dtype=np.uint8), (256, 1)),
        (np.indices((128, 128)).sum(axis=0) // 16 % 2 * 255).astype(np.uint8),
    ],
    ids=["black", "flat", "ramp", "checkerboard"],
)
def test_pictures_without_anatomy_answer_not_found(pixels: np.ndarray) -> None:
    fields = segment_lungs(pixels)
    assert not fields.found
    assert fields.reasons


def test_a_batch_gives_what_single_films_give_in_their_order(film: np.ndarray) -> None:
    films = [film, draw_film(np.random.default_rng(1), "ct"), draw_film(np.random.default_rng(2), "covid", size=150)]
    batch = list(segment_lungs_batch(films, batch_size=2))
    assert [fields.right.shape for fields in batch] == [one.shape for one in films]
    for one, fields in zip(films, batch, strict=True):
        single = segment_lungs(one)
        assert fields.found == single.found
        assert np.mean(fields.both != single.both) < 1e-3


def test_a_radiograph_is_taken_as_it_is(film: np.ndarray) -> None:
    radiograph = Radiograph(pixels=film.astype(np.float32) / np.float32(255), origin="phantom")
    assert np.mean(segment_lungs(radiograph).both != segment_lungs(film).both) < 1e-3


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((10, 200), np.uint8), "too-small"),
        (np.zeros((64, 64, 3), np.uint8), "shape"),
        (np.full((64, 64), np.nan, np.float32), "not-finite"),
    ],
)
def test_what_is_no_film_is_refused_by_name(pixels: np.ndarray, reason: str) -> None:
    with pytest.raises(ImageReadError) as caught:
        segment_lungs(pixels)
    assert caught.value.reason == reason


def _logits(right: tuple[slice, slice] | None, left: tuple[slice, slice] | None) -> np.ndarray:
    logits = np.full((2, 80, 80), -6.0, np.float32)
    for side, place in enumerate((right, left)):
        if place is not None:
            logits[side][place] = 6.0
    return logits


_RIGHT, _LEFT = (slice(10, 60), slice(8, 34)), (slice(10, 60), slice(46, 72))


def test_two_plausible_fields_are_found() -> None:
    fields = fields_from_logits(_logits(_RIGHT, _LEFT), 0.99, (160, 240))
    assert fields.found
    assert fields.right.sum() == pytest.approx(50 * 26 * 6, rel=0.05)
    assert fields.confidence > 0.95


@pytest.mark.parametrize(
    ("right", "left", "presence", "reason"),
    [
        (_RIGHT, _LEFT, 0.2, "no-lungs"),
        (_RIGHT, None, 0.99, "one-field"),
        (_LEFT, _RIGHT, 0.99, "position"),
        ((slice(0, 30), slice(8, 34)), (slice(45, 78), slice(46, 72)), 0.99, "position"),
        ((slice(0, 80), slice(0, 40)), (slice(0, 80), slice(40, 80)), 0.99, "area"),
    ],
)
def test_implausible_fields_are_not_found(right: object, left: object, presence: float, reason: str) -> None:
    fields = fields_from_logits(_logits(right, left), presence, (80, 80))
    assert not fields.found
    assert reason in fields.reasons[0]


def test_holes_are_filled_and_specks_are_dropped() -> None:
    logits = _logits(_RIGHT, _LEFT)
    logits[0, 30:34, 20:24] = -6.0
    logits[0, 70:73, 70:73] = 6.0
    fields = fields_from_logits(logits, 0.99, (80, 80))
    assert fields.right[32, 22]
    assert not fields.right[71, 71]


def test_lungs_cut_by_the_film_are_remarked_upon() -> None:
    fields = fields_from_logits(_logits((slice(0, 60), slice(8, 34)), (slice(0, 60), slice(46, 72))), 0.99, (80, 80))
    assert fields.found
    assert fields.reasons == ("cut-off: the lungs touch the image's top edge",)


def test_the_shipped_weights_are_small_and_are_the_ones_the_card_describes() -> None:
    folder = resources.files("covidcxr.imaging.lungs") / "weights"
    weights = (folder / "lungs.onnx").read_bytes()
    facts = lung_network_card()
    assert len(weights) < 2_000_000
    assert bytes_sha256(weights) == facts["sha256"]
    assert str(facts["held_out"]["dice_mean"]) in (folder / "CARD.md").read_text(encoding="utf-8")


def test_altered_weights_are_refused(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = lung_network_card() | {"sha256": "0" * 64}
    monkeypatch.setattr(lungs, "lung_network_card", lambda: facts)
    with pytest.raises(BundleError, match="lungs.onnx"):
        lungs._network.__wrapped__()


def test_the_card_is_json_with_its_training_and_measurement() -> None:
    facts = json.loads(json.dumps(lung_network_card()))
    assert facts["training"]["films_with_masks"] > 300
    assert facts["held_out"]["dice_mean"] > 0.9
