from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fabricated_films import SIDE, film
from PIL import Image

from covidcxr.core.errors import ImageReadError
from covidcxr.curation.duplicates import compute_features, find_duplicates, write_pairs


def cropped(pixels: np.ndarray) -> np.ndarray:
    return pixels[10 : 10 + int(0.8 * SIDE), 40 : 40 + int(0.8 * SIDE)]


def tilted(pixels: np.ndarray) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 3, 1)
    return cv2.warpAffine(pixels, turn, (SIDE, SIDE))


def with_arrow(pixels: np.ndarray) -> np.ndarray:
    return cv2.arrowedLine(pixels.copy(), (150, 100), (110, 130), 255, 3, tipLength=0.3)


EDITS = {
    "cropped to 80 %": cropped,
    "scaled to a quarter": lambda pixels: cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA),
    "gamma 0.6": lambda pixels: np.rint(255 * (pixels / 255) ** 0.6).astype(np.uint8),
    "gamma 1.6": lambda pixels: np.rint(255 * (pixels / 255) ** 1.6).astype(np.uint8),
    "JPEG 30": lambda pixels: cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0),
    "tilted by 3 degrees": tilted,
    "mirrored": lambda pixels: pixels[:, ::-1].copy(),
    "with an arrow": with_arrow,
    "with a caption strip": lambda pixels: np.vstack([pixels, np.full((26, SIDE), 255, np.uint8)]),
    "squeezed to another shape": lambda pixels: cv2.resize(pixels, (300, 190), interpolation=cv2.INTER_AREA),
    "cropped and mirrored": lambda pixels: cropped(pixels)[:, ::-1].copy(),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_copy_is_found_among_other_films_however_it_was_edited(name: str) -> None:
    films = [film(seed) for seed in range(6)]
    found = find_duplicates([*films, EDITS[name](films[3])], [*"abcdef", "copy"], workers=1)
    assert found.id_pairs() == [("d", "copy")] or found.id_pairs() == [("copy", "d")]


def test_films_with_the_same_anatomy_are_no_copies_of_each_other() -> None:
    found = find_duplicates([film(seed) for seed in range(20)], [f"film{seed}" for seed in range(20)], workers=1)
    assert len(found) == 0


def test_only_the_mirrored_copy_is_said_to_be_mirrored() -> None:
    first, second = film(1), film(2)
    images = [first, first[:, ::-1].copy(), second, cropped(second)]
    found = find_duplicates(images, ["a", "a mirrored", "b", "b cropped"], workers=1)
    assert {(pair.id_a, pair.id_b, pair.mirrored) for pair in found} == {
        ("a", "a mirrored", True),
        ("b", "b cropped", False),
    }


def test_the_transform_says_which_part_was_cropped() -> None:
    pixels = film(5)
    rows, columns = slice(10, 214), slice(40, 244)  # 204 of 256 pixels
    (pair,) = find_duplicates([pixels, pixels[rows, columns]], ["whole", "part"], workers=1)
    matrix = np.array(pair.transform)
    assert matrix @ [(40 + 102) / 256, (10 + 102) / 256, 1.0] == pytest.approx([0.5, 0.5], abs=0.01)
    assert matrix[0, 0] == pytest.approx(256 / 204, rel=0.02)


def test_features_computed_earlier_give_the_same_pairs_as_the_pixels() -> None:
    images = [film(1), film(2), cropped(film(1))]
    from_pixels = find_duplicates(images, ["a", "b", "c"], workers=1)
    from_features = find_duplicates([compute_features(pixels) for pixels in images], ["a", "b", "c"], workers=2)
    assert from_pixels == from_features


def test_files_are_read_and_an_unreadable_one_is_named(tmp_path: Path) -> None:
    Image.fromarray(film(1)).save(tmp_path / "a.png")
    Image.fromarray(film(1)).save(tmp_path / "b.jpg", quality=60)
    paths = [tmp_path / "a.png", tmp_path / "b.jpg"]
    assert find_duplicates(paths, ["a", "b"], workers=1).id_pairs() == [("a", "b")]
    (tmp_path / "c.png").write_bytes(b"no image at all")
    with pytest.raises(ImageReadError, match=r"c\.png"):
        find_duplicates([*paths, tmp_path / "c.png"], ["a", "b", "c"], workers=1)


def test_blank_images_are_compared_without_a_fall() -> None:
    blank = np.zeros((64, 64), np.uint8)
    found = find_duplicates([blank, blank, film(1)], ["black", "black too", "film"], workers=1)
    assert len(found) == 0


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_have_no_pairs(count: int) -> None:
    found = find_duplicates([film(1)][:count], ["a"][:count], workers=1)
    assert (len(found), found.num_images, found.num_candidates) == (0, count, 0)


def test_repeated_or_missing_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="ids repeat"):
        find_duplicates([film(1), film(2)], ["a", "a"])
    with pytest.raises(ValueError, match="2 images and 1 ids"):
        find_duplicates([film(1), film(2)], ["a"])


def test_pairs_are_written_with_every_score(tmp_path: Path) -> None:
    found = find_duplicates([film(1), cropped(film(1))], ["a", "b"], workers=1)
    write_pairs(tmp_path / "pairs.csv", found)
    header, row = (tmp_path / "pairs.csv").read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert (values["copy"], values["id_a"], values["id_b"], values["mirrored"]) == ("yes", "a", "b", "no")
    assert float(values["score"]) == pytest.approx(found.pairs[0].score, abs=1e-4)
    write_pairs(tmp_path / "pairs.csv", found, looked_at={("a", "b"): "one image"})
    assert (tmp_path / "pairs.csv").read_text().splitlines()[1].startswith("yes,one image,a,b,")
