from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from covidcxr.core.errors import MissingExtraError
from covidcxr.core.recipe import Recipe
from covidcxr.training.history import EpochHistory
from covidcxr.training.mlflow_curves import follow_in_mlflow


class FakeClient:
    """What is used of MLflow's client; every call is kept."""

    calls: list[tuple[Any, ...]]

    def __init__(self, tracking_uri: str) -> None:
        FakeClient.calls.append(("client", tracking_uri))

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return f"id of {name}"

    def create_run(self, experiment: str, run_name: str) -> SimpleNamespace:
        FakeClient.calls.append(("run", experiment, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_param(self, run_id: str, key: str, value: str) -> None:
        FakeClient.calls.append(("param", key, value))

    def log_metric(self, run_id: str, key: str, value: float, step: int) -> None:
        assert run_id == "r1"
        FakeClient.calls.append(("metric", key, value, step))

    def set_terminated(self, run_id: str) -> None:
        FakeClient.calls.append(("end",))


def epoch(number: int) -> EpochHistory:
    return EpochHistory(
        epoch=number,
        learning_rate=1e-3,
        train={"loss": 0.5},
        validation={"loss": 0.6},
        confusion=[[1, 0], [0, 1]],
        seconds=1.0,
        images_per_second=9.0,
    )


def test_epochs_of_a_training_that_goes_on_are_logged_to_the_run_it_began(
    small_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeClient.calls = []
    module = ModuleType("mlflow.tracking")
    module.MlflowClient = FakeClient  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", module)
    recipe = small_recipe(epochs=2)
    follow_in_mlflow(recipe, tmp_path, "http://here")(epoch(1))
    follow_in_mlflow(recipe, tmp_path, "http://here")(epoch(2))
    calls = FakeClient.calls
    assert [call for call in calls if call[0] == "run"] == [("run", "id of covidcxr", "small")]
    assert ("param", "network.name", "haghanifar2020") in calls
    assert ("metric", "loss/validation", 0.6, 1) in calls
    assert ("metric", "loss/train", 0.5, 2) in calls
    assert calls[-1] == ("end",)


def test_without_mlflow_the_error_names_the_extra(
    small_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[mlflow\]"):
        follow_in_mlflow(small_recipe(), tmp_path, "http://here")
