"""The gate on computed phantoms, drawings and hostile input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import sklearn

from covidcxr.core.types import Radiograph, View
from covidcxr.imaging.gate.gate import GateResult, admit, gate, gate_all, gate_film, right_film
from covidcxr.imaging.gate.kinds import KINDS, Kind, KindAnswer, gate_network_card, picture_kinds
from covidcxr.sources.phantom_films import draw_film


def _radiograph(pixels: np.ndarray, **changes: object) -> Radiograph:
    return Radiograph(pixels=pixels.astype(np.float32) / np.float32(255), origin="film", **changes)  # type: ignore[arg-type]


def _frontal(seed: int = 3) -> np.ndarray:
    return draw_film(np.random.default_rng(seed), "normal", size=300)


def _names(result: GateResult) -> list[str]:
    return [reason.name for reason in result.reasons]


def test_a_frontal_film_is_let_through_with_its_scores_and_lungs() -> None:
    result = gate_film(_radiograph(_frontal()))
    assert result.verdict != "refuse", result.reasons
    assert result.scores["frontal"] > 0.5
    assert set(KINDS) < set(result.scores)
    assert result.lungs is not None
    assert result.lungs.found


@pytest.mark.parametrize(("kind", "name"), [("lateral", "lateral"), ("ct", "ct-or-mr")])
def test_another_view_is_refused_by_its_name(kind: str, name: str) -> None:
    for seed in range(3):
        result = gate_film(_radiograph(draw_film(np.random.default_rng(seed), kind, size=300)))  # type: ignore[arg-type]
        assert result.verdict == "refuse"
        assert _names(result)[0] == name


@pytest.mark.parametrize(
    ("quarters", "name", "repair"),
    [(3, "rotated", "turn-270"), (2, "rotated", "turn-180"), (1, "rotated", "turn-90")],
)
def test_a_turned_film_is_refused_with_how_to_turn_it_and_turned_only_on_request(
    quarters: int, name: str, repair: str
) -> None:
    film = _frontal()
    turned = _radiograph(np.ascontiguousarray(np.rot90(film, quarters)))
    result = gate_film(turned)
    assert result.verdict == "refuse"
    assert (_names(result)[0], result.repair) == (name, repair)
    righted = right_film(turned, result)
    assert np.array_equal(righted.pixels, _radiograph(film).pixels)
    assert "on request" in righted.warnings[-1]


def test_an_inverted_film_is_refused_and_inverted_only_on_request() -> None:
    inverted = _radiograph(255 - _frontal())
    result = gate_film(inverted)
    assert result.verdict == "refuse"
    assert (_names(result)[0], result.repair) == ("inverted", "invert")
    assert np.allclose(right_film(inverted, result).pixels, _radiograph(_frontal()).pixels, atol=1e-6)


def test_turning_swaps_the_spacing() -> None:
    film = _radiograph(_frontal(), spacing_mm=(0.1, 0.2))
    result = GateResult(origin="film", verdict="refuse", repair="turn-90")
    assert right_film(film, result).spacing_mm == (0.2, 0.1)
    assert right_film(film, GateResult(origin="film", verdict="ok")) is film


def test_a_header_that_says_lateral_is_believed() -> None:
    result = gate_film(_radiograph(_frontal(), view=View.LATERAL))
    assert (result.verdict, _names(result)) == ("refuse", ["lateral"])


@pytest.mark.parametrize(
    ("pixels", "name"),
    [
        (np.zeros((300, 300), np.uint8), "blank"),
        (np.full((300, 300), 200, np.uint8), "blank"),
        (np.arange(400, dtype=np.uint8).reshape(20, 20), "too-small"),
    ],
)
def test_too_little_is_refused_before_any_network_is_asked(pixels: np.ndarray, name: str) -> None:
    result = gate_film(_radiograph(pixels))
    assert (result.verdict, _names(result)) == ("refuse", [name])
    assert result.scores == {}


def test_a_page_of_text_and_noise_are_refused() -> None:
    page = np.full((400, 300), 255, np.uint8)
    for row in range(30, 400, 25):
        cv2.putText(page, "the quick brown fox jumps", (10, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0,), 1)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)
    for picture in (page, noise):
        assert gate_film(_radiograph(picture)).verdict == "refuse"


def test_what_is_no_image_is_refused_with_the_readers_reason_and_stops_nothing(tmp_path: Path) -> None:
    text, film = tmp_path / "notes.txt", tmp_path / "film.png"
    text.write_text("not an image")
    cv2.imwrite(str(film), _frontal())
    results = list(gate_all([text, tmp_path / "none.png", b"", film]))
    assert [result.verdict == "refuse" for result in results] == [True, True, True, False]
    details = [result.reasons[0].detail.partition(":")[0] for result in results[:3]]
    assert details == ["text", "missing", "empty"]
    assert [_names(result)[0] for result in results[:3]] == ["not-an-image"] * 3


def test_small_and_long_films_are_warned_of() -> None:
    small = gate_film(_radiograph(draw_film(np.random.default_rng(3), "normal", size=120)))
    assert "few-pixels" in _names(small)
    long = gate_film(_radiograph(cv2.resize(_frontal(), (900, 300))))
    assert "aspect" in _names(long)


def test_one_film_and_many_give_the_same_answer() -> None:
    films = [_frontal(seed) for seed in range(3)]
    together = picture_kinds(films)
    for film, answer in zip(films, together, strict=True):
        alone = picture_kinds([film])[0]
        assert np.allclose(alone.probabilities, answer.probabilities, atol=1e-4)
        assert alone.probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_result_of_a_file_is_called_by_its_path(tmp_path: Path) -> None:
    film = tmp_path / "film.png"
    cv2.imwrite(str(film), _frontal())
    assert gate(film).origin == str(film)
    assert gate(film.read_bytes(), origin="upload 7").origin == "upload 7"


def test_the_card_says_what_was_measured() -> None:
    facts = gate_network_card()
    told, of = facts["held_out"]["frontal"]
    assert told / of > 0.9
    assert facts["bytes"] < 1_000_000


def _answering(*kinds: Kind) -> Callable[[Sequence[np.ndarray]], list[KindAnswer]]:
    """Return a stand-in for the network that gives these answers, one a call."""
    left = list(kinds)

    def answer(pictures: Sequence[np.ndarray]) -> list[KindAnswer]:
        probabilities = np.array([float(kind == left[0]) for kind in KINDS], np.float32)
        left.pop(0)
        return [KindAnswer(probabilities=probabilities, distance=0.5) for _ in pictures]

    return answer


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        (("turned-180", "other-picture"), "not-a-radiograph"),
        (("inverted", "lateral"), "lateral"),
        (("inverted", "turned-180"), "inverted"),
    ],
)
def test_a_repair_that_gives_no_frontal_film_is_not_suggested(
    answers: tuple[Kind, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("covidcxr.imaging.gate.gate.picture_kinds", _answering(*answers))
    result = gate_film(_radiograph(_frontal()))
    assert (result.verdict, _names(result), result.repair) == ("refuse", [name], "")


def test_a_photograph_in_colour_is_told_from_other_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for warnings, name in (((), "not-a-radiograph"), (("colour image: its luma was taken",), "photograph-or-drawing")):
        monkeypatch.setattr("covidcxr.imaging.gate.gate.picture_kinds", _answering("other-picture"))
        assert _names(gate_film(_radiograph(_frontal(), warnings=warnings))) == [name]


def test_a_photograph_of_a_temple_is_not_offered_to_be_turned() -> None:
    photograph = Path(sklearn.__file__).parent / "datasets" / "images" / "china.jpg"
    result = gate(photograph)
    assert (result.verdict, result.repair) == ("refuse", "")


def test_admitting_turns_only_on_request() -> None:
    upright = _radiograph(_frontal())
    turned = _radiograph(np.ascontiguousarray(np.rot90(_frontal(), 2)))
    assert admit(turned)[1].verdict == "refuse"
    film, result = admit(turned, turn=True)
    assert result.verdict != "refuse"
    assert np.array_equal(film.pixels, upright.pixels)
    assert admit(upright, turn=True)[0] is upright


@pytest.mark.parametrize(("modality", "name"), [("CT", "ct-or-mr"), ("MR", "ct-or-mr"), ("MG", "not-a-chest")])
def test_a_header_that_says_another_modality_is_believed(modality: str, name: str) -> None:
    result = gate_film(_radiograph(_frontal(), modality=modality))
    assert (result.verdict, _names(result)) == ("refuse", [name])


@pytest.mark.parametrize(("body_part", "is_told"), [("ABDOMEN", True), ("CHEST", False), ("", False)])
def test_another_body_part_in_the_header_is_warned_of(body_part: str, is_told: bool) -> None:
    result = gate_film(_radiograph(_frontal(), modality="DX", body_part=body_part))
    assert ("body-part" in _names(result)) is is_told
    assert result.verdict != "refuse"


def test_what_the_reader_doubts_is_a_reason_and_its_other_warnings_come_along() -> None:
    doubt = "gray-values: 12 bits are used"
    result = gate_film(_radiograph(_frontal(), warnings=(doubt, "overlay left out")))
    assert result.verdict == "warn"
    assert doubt in map(str, result.reasons)
    assert result.warnings == (doubt, "overlay left out")
    assert result.remarks.count(doubt) == 1
