"""All metrics at once: the same as each alone, under any weights, with reasons where there is no value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import confusion, probabilities
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.metric_set import MetricSet

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def cohort(seed: int, count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(0, 3, count - 3)])
    logits = generator.normal(size=(count, 3)) + 2 * np.eye(3)[labels]
    return labels, probabilities.softmax(logits)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_every_value_is_that_of_the_single_function_on_the_repeated_cases(seed: int) -> None:
    labels, values = cohort(seed)
    weights = np.random.default_rng(seed + 1).integers(1, 4, labels.size)
    metric_set = MetricSet(labels, values, CLASSES, prevalence={"Normal": 0.1})
    got = dict(zip(metric_set.names, metric_set(weights[np.newaxis].astype(float))[0], strict=True))
    actual, drawn = np.repeat(labels, weights), np.repeat(values, weights, axis=0)
    matrix = confusion.confusion_matrix(actual, drawn.argmax(axis=1), 3)
    pairs, called = np.eye(3)[actual].ravel(), (drawn > 0.5).ravel()
    expected = {
        "accuracy": confusion.accuracy(matrix),
        "balanced_accuracy": confusion.balanced_accuracy(matrix),
        "mcc": confusion.mcc(matrix),
        "npv/Normal": confusion.npv(matrix)[1],
        "ppv_at/Normal": confusion.ppv_at(matrix, 0.1)[1],
        "brier": sk.brier_score_loss(actual, drawn, labels=[0, 1, 2], scale_by_half=False),
        "cross_entropy": sk.log_loss(actual, drawn, labels=[0, 1, 2]),
        "micro_precision": sk.precision_score(pairs, called),
        "micro_recall": sk.recall_score(pairs, called),
        "true_probability/Pneumonia": drawn[actual == 2, 2].mean(),
        "auroc_macro": np.mean([auroc(actual == c, drawn[:, c]) for c in range(3)]),
        **{f"sensitivity/{name}": confusion.sensitivity(matrix)[c] for c, name in enumerate(CLASSES)},
        **{f"auroc/{name}": auroc(actual == c, drawn[:, c]) for c, name in enumerate(CLASSES)},
        **{
            f"average_precision/{name}": sk.average_precision_score(actual == c, drawn[:, c])
            for c, name in enumerate(CLASSES)
        },
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=1e-12), name


def test_the_wrong_number_of_classes_and_an_unknown_prevalence_are_refused() -> None:
    labels, values = cohort(2)
    with pytest.raises(EvaluationError, match="found 3 columns; expected one for each of"):
        MetricSet(np.minimum(labels, 1), values, CLASSES[:2])
    with pytest.raises(EvaluationError, match="prevalence of Cold: expected one of"):
        MetricSet(labels, values, CLASSES, prevalence={"Cold": 0.3})
