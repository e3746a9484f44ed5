from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.errors import ExplainError
from covidcxr.core.types import Radiograph
from covidcxr.explain.explainer import Explainer
from covidcxr.explain.lung_fractions import LungFractions
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle, update_info
from covidcxr.sources.phantom_films import draw_film
from study_builders import write_bundle


def _films() -> list[Radiograph]:
    generator = np.random.default_rng(3)
    films = [draw_film(generator, "normal", size=200).astype(np.float32)[:, :180] / 255 for _ in range(3)]
    blank = np.full((200, 180), 0.5, np.float32)
    return [Radiograph(pixels=film, origin=str(number)) for number, film in enumerate([*films, blank])]


@pytest.mark.parametrize("changes", [{}, {"crop": 0.8}, {"region": "lungs"}], ids=str)
def test_predicting_measures_the_lung_fraction_that_explaining_does(tmp_path: Path, changes: dict[str, object]) -> None:
    made = Bundle.load(write_bundle(tmp_path, "0" * 64, size=160, synthetic=True))
    preprocess = made.info.preprocess.model_copy(update=changes)
    bundle = update_info(made, made.info.model_copy(update={"preprocess": preprocess})).folder
    films = _films()
    predictor = Predictor.load(bundle, device="cpu", explained_by=LungFractions.of_bundle)
    found = [prediction.lung_fraction for prediction in predictor.predict(films)]
    explained = [one.lung_fraction for one in Explainer.load(bundle, device="cpu").explain_all(films)]
    assert found[3] is None
    assert explained[3] is None
    assert found[:3] == pytest.approx(explained[:3], abs=0.02)
    assert {prediction.lung_fraction for prediction in Predictor.load(bundle).predict(films)} == {None}


def test_a_network_without_a_map_is_told_before_any_film(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "0" * 64, synthetic=True)
    with pytest.raises(ExplainError, match="no spatial feature map"):
        Predictor.load(bundle, device="cpu", explained_by=LungFractions.of_bundle)
