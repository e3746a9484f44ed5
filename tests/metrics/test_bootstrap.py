"""The clustered bootstrap: what it draws, that patients stay whole, and its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.bootstrap import BootstrapResult, bootstrap


def mean_of(values: np.ndarray):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, np.newaxis]


@given(st.integers(1, 30), st.integers(1, 20))
def test_every_round_draws_as_many_patients_as_there_are_and_keeps_them_whole(patients: int, rounds: int) -> None:
    groups = np.repeat(np.arange(patients), 1 + np.arange(patients) % 3)
    seen = []

    def record(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return weights[:, :1]

    bootstrap(record, num_cases=groups.size, groups=groups, rounds=rounds)
    weights = np.concatenate(seen[1:])
    first_image = np.unique(groups, return_index=True)[1]
    assert weights.shape == (rounds, groups.size)
    assert (weights[:, first_image].sum(axis=1) == patients).all()
    assert (weights == weights[:, first_image[groups]]).all()


def test_the_same_seed_gives_the_same_rounds_and_another_seed_others() -> None:
    values = np.random.default_rng(0).normal(size=50)
    first, again, other = (
        bootstrap(mean_of(values), num_cases=50, groups=None, rounds=50, seed=seed).rounds for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_spread_of_the_rounds_is_the_standard_error_of_patients_not_of_images() -> None:
    values = np.random.default_rng(0).normal(size=200)
    result = bootstrap(mean_of(np.repeat(values, 5)), num_cases=1000, groups=np.repeat(np.arange(200), 5), rounds=4000)
    assert result.rounds.std() == pytest.approx(values.std() / 200**0.5, rel=0.04)
    assert result.point[0] == pytest.approx(values.mean(), abs=1e-12)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_interval_of_a_mean_of_normal_values_is_near_students(method: str) -> None:
    values = np.random.default_rng(4).normal(size=400)
    result = bootstrap(mean_of(values), num_cases=400, groups=None, rounds=8000, jackknife=True)
    interval = result.interval(0, method=method)
    error = values.std(ddof=1) / 20
    assert (interval.low, interval.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.12 * error
    )


def test_bca_agrees_with_scipys_on_a_skewed_mean() -> None:
    values = np.random.default_rng(7).exponential(size=60)
    result = bootstrap(mean_of(values), num_cases=60, groups=None, rounds=20_000, jackknife=True)
    ours = result.interval(0, method="bca")
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1))
    limits = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((limits.low, limits.high), abs=0.01)
    percentile = result.interval(0)
    assert ours.high > percentile.high + 0.01


def test_a_value_that_many_rounds_lack_has_no_interval() -> None:
    rounds = np.array([[0.5]] * 85 + [[np.nan]] * 15)
    result = BootstrapResult(
        point=np.array([0.5]), rounds=rounds, jackknife=np.empty((0, 1)), num_clusters=20, too_few=""
    )
    assert np.isnan(result.interval(0).low)
    assert result.interval(0).value == 0.5


def test_groups_that_do_not_fit_and_no_rounds_are_refused() -> None:
    with pytest.raises(EvaluationError, match="one patient for each case"):
        bootstrap(mean_of(np.ones(3)), num_cases=3, groups=["a", "b"], rounds=5)
    with pytest.raises(EvaluationError, match="at least 1"):
        bootstrap(mean_of(np.ones(3)), num_cases=3, groups=None, rounds=0)
