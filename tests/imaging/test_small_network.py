"""The small networks give what they give one picture at a time, and are rounded only where that was asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from covidcxr.core.types import Radiograph
from covidcxr.imaging import small_network
from covidcxr.imaging.gate import kinds as gate_kinds
from covidcxr.imaging.gate.gate import gate_film
from covidcxr.imaging.lungs import segment as lungs
from covidcxr.imaging.screening import drawn_marks
from covidcxr.imaging.small_network import in_bfloat16
from covidcxr.sources.phantom_films import draw_film


def squares(num: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((num, 1, 224, 224), np.float32)


def test_a_picture_has_the_same_answer_in_any_company() -> None:
    network = lungs._network()._network
    together = network.run(squares(3))
    for number in range(3):
        for whole, alone in zip(together, network.run(squares(3)[number : number + 1]), strict=True):
            np.testing.assert_array_equal(whole[number : number + 1], alone)


def test_openvino_is_asked_only_within_bfloat16_and_only_where_rounding_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(
        small_network._Rounded, "__call__", lambda self, picture: asked.append(self) or [np.zeros((1, 1), np.float32)]
    )
    exact = lungs._network()._network.run(squares(1))
    with in_bfloat16(False):
        lungs._network()._network.run(squares(1))
    gate_kinds.picture_kinds([draw_film(np.random.default_rng(3), "normal", size=120)])
    assert not asked
    with in_bfloat16(True):
        gate_kinds.picture_kinds([draw_film(np.random.default_rng(3), "normal", size=120)])
        assert not asked
        lungs._network()._network.run(squares(1))
        drawn_marks._network().run(squares(1))
    assert len(asked) == 2
    np.testing.assert_array_equal(lungs._network()._network.run(squares(1))[0], exact[0])
    assert len(asked) == 2


def test_the_gate_says_the_same_in_bfloat16_from_any_thread() -> None:
    openvino = pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    films = [draw_film(np.random.default_rng(seed), "normal", size=300) for seed in range(3)]
    radiographs = [Radiograph(pixels=film.astype(np.float32) / np.float32(255), origin="film") for film in films]

    def rounded(film: Radiograph) -> tuple[str, list[str], dict[str, float]]:
        with in_bfloat16(True):
            result = gate_film(film)
        return result.verdict, [reason.name for reason in result.reasons], result.scores

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(rounded, radiographs))
    assert found == [rounded(film) for film in radiographs]
    for film, (verdict, reasons, scores) in zip(radiographs, found, strict=True):
        exact = gate_film(film)
        assert (verdict, reasons) == (exact.verdict, [reason.name for reason in exact.reasons])
        assert scores == pytest.approx(exact.scores, abs=5e-3)
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):  # elsewhere fp32 runs in its place
        assert any(scores != gate_film(film).scores for film, (_, _, scores) in zip(radiographs, found, strict=True))
