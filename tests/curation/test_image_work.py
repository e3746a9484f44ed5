from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.curation.image_work import SCORES, ImageJob, compute_image
from covidcxr.curation.rules import RULES
from covidcxr.imaging.screening.picture_checks import MIN_COLOUR


def job(path: Path, look: tuple[str, ...]) -> ImageJob:
    return ImageJob(
        record_id="a", path=path, origin="a", longest_side=128, jpeg_quality=90, look=look, store=path.parent
    )


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_colour_is_measured_on_the_file_and_not_on_its_gray_copy(tmp_path: Path, suffix: str) -> None:
    film = np.full((200, 200, 3), 90, np.uint8)
    film[90:110, 90:110] = (230, 30, 30)
    path = tmp_path / f"film.{suffix}"
    Image.fromarray(film).save(path)
    assert compute_image(job(path, ("colour",)))[0].scores["colour"] > 10 * MIN_COLOUR
    assert compute_image(job(path, ()))[0].scores == {}


def test_every_score_that_a_rule_needs_can_be_measured(tmp_path: Path) -> None:
    needed = {score for name in RULES.names() for score in RULES.get(name).needs}
    assert needed <= SCORES.keys()
    path = tmp_path / "film.png"
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(path)
    scores = compute_image(job(path, tuple(sorted(needed))))[0].scores
    assert {"marks", "flat_mark", "colour", "gray_range", "view/frontal"} <= scores.keys()
