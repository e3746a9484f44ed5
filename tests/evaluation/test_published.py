from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cohort_builders import CLASSES, cohort_of_counts
from covidcxr.core.errors import EvaluationError
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.core.types import Metric
from covidcxr.evaluation.published import HAGHANIFAR2020, PUBLISHED, ZHONG2020, compare_with_published, published_result
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.metrics.settings import IntervalSettings


def test_the_published_tables_agree_with_the_published_confusion_matrix() -> None:
    matrix = ZHONG2020.confusion_matrix()
    assert ZHONG2020.counts is not None
    assert matrix.sum(axis=1).tolist() == list(ZHONG2020.counts.splits["test"])
    values = {(value.row, value.metric): value.value for value in ZHONG2020.values}
    assert np.trace(matrix) / matrix.sum() == pytest.approx(values["Test", "Accuracy"], abs=5e-4)
    assert matrix[0, 0] / matrix[0].sum() == values["COVID-19 of the test", "Accuracy"]


def test_ours_theirs_and_the_difference_stand_side_by_side() -> None:
    report = evaluate_cohort(
        cohort_of_counts([[50, 0, 0], [0, 40, 10], [0, 0, 50]]), intervals=IntervalSettings(rounds=200)
    )
    rows = {(row.row, row.metric): row for row in compare_with_published(ZHONG2020, report, {"accuracy": 0.95})}
    test = rows["Test", "Accuracy"]
    assert test.ours is not None
    assert test.ours.value == pytest.approx(140 / 150)
    assert test.difference == pytest.approx(140 / 150 - 0.873)
    assert test.compatible is False
    assert rows["Train", "Accuracy"].difference == pytest.approx(0.95 - 0.9325)
    assert rows["Train", "Recall"].ours is None
    assert rows["Train", "Recall"].difference is None


def test_every_name_of_ours_is_a_metric_that_an_evaluation_has() -> None:
    metrics = evaluate_cohort(
        cohort_of_counts([[5, 1, 0], [0, 5, 1], [1, 0, 5]]), intervals=IntervalSettings(rounds=5)
    ).metrics
    for result in PUBLISHED.values():
        for value in result.values:
            elsewhere = value.ours.startswith(("train:", "heat_map_"))  # by the training, by `pipeline.explanations`
            assert not value.ours or elsewhere or value.ours in metrics, value


@pytest.mark.parametrize("name", ["zhong2020", "covid19-cnn", "haghanifar2020", "covidx-net"])
def test_a_recipe_that_rebuilds_a_published_system_has_a_number_of_ours_for_every_one_of_theirs(name: str) -> None:
    result = published_result(load_recipe(name).evaluation.published)
    assert result.name == name
    assert result.values
    assert all(value.ours for value in result.values)


def test_an_unknown_publication_lists_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match=r"'zhong2021' \(known: .*zhong2020"):
        published_result("zhong2021")
    assert published_result("zhong2020").classes == CLASSES


@pytest.mark.parametrize(("high", "is_compatible"), [(0.62, True), (0.48, False)])
def test_more_than_half_is_a_limit_and_no_value(high: float, is_compatible: bool) -> None:
    report = evaluate_cohort(cohort_of_counts([[5, 1, 0], [0, 5, 1], [1, 0, 5]]), intervals=IntervalSettings(rounds=5))
    wrong = Metric(name="heat_map_failed", value=0.45, low=0.4, high=high)
    row, *_ = compare_with_published(HAGHANIFAR2020, replace(report, metrics={"heat_map_failed": wrong}))
    assert (row.theirs.is_lower_limit, row.difference, row.compatible) == (True, None, is_compatible)
