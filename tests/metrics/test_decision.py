"""The decision curve."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.decision import decision_curve


def test_net_benefit_by_hand() -> None:
    curve = decision_curve([1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.1, 0.1], thresholds=np.array([0.5, 0.2]), rounds=20)
    assert curve.model == pytest.approx([1 / 5 - 1 / 5, 2 / 5 - 0.25 * 1 / 5])
    assert curve.treat_all == pytest.approx([0.4 - 0.6, 0.4 - 0.6 * 0.25])


def test_a_perfect_model_is_worth_the_prevalence_and_acting_on_all_as_much_at_threshold_0() -> None:
    positive = np.arange(100) < 30
    curve = decision_curve(positive, positive.astype(float), rounds=50)
    np.testing.assert_allclose(curve.model, 0.3)
    assert curve.treat_all[0] == pytest.approx(0.3 - 0.7 / 99)
    assert (curve.low <= curve.model).all()
    assert (curve.model <= curve.high).all()


def test_a_named_prevalence_replaces_the_cohorts() -> None:
    positive = np.arange(100) < 50
    scores = np.where(np.arange(100) % 10 == 0, ~positive, positive).astype(float)  # sensitivity = specificity = 0.9
    curve = decision_curve(positive, scores, thresholds=np.array([0.2]), prevalence=0.1, rounds=20)
    assert curve.model[0] == pytest.approx(0.1 * 0.9 - 0.9 * 0.25 * 0.1)


def test_a_threshold_of_one_is_refused() -> None:
    with pytest.raises(EvaluationError, match="not between 0 and 1"):
        decision_curve([1, 0], [0.5, 0.4], thresholds=np.array([1.0]))
