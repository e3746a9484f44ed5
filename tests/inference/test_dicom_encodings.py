from __future__ import annotations

from pathlib import Path

import numpy as np

import bundles
import films
import variants
from covidcxr.inference.predictor import Predictor


def test_one_film_in_over_a_hundred_encodings_gives_one_prediction(tmp_path: Path) -> None:
    predictor = Predictor.load(bundles.tiny_bundle(tmp_path / "bundle", gain=10.0).folder, backend="torch")
    made = variants.gray_variants() + variants.colour_variants()
    raster = predictor.predict_one(films.encode(variants.FILM, "PNG"))
    found = list(predictor.predict((data for _, data in made), (name for name, _ in made)))
    assert len(found) >= 120
    for prediction in found:
        assert prediction.status == "ok", prediction.reasons
        assert prediction.probabilities is not None
        np.testing.assert_allclose(
            prediction.probabilities, raster.probabilities, atol=1e-3, err_msg=prediction.record_id
        )
