from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from covidcxr.core.errors import MissingExtraError, TrainingError
from covidcxr.core.recipe import Recipe
from covidcxr.models.history import EpochHistory
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

    def update_run(self, run_id: str, status: str) -> None:
        FakeClient.calls.append(("again", run_id, status))

    def set_terminated(self, run_id: str, status: str) -> None:
        FakeClient.calls.append(("end", status))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    FakeClient.calls = []
    module = ModuleType("mlflow.tracking")
    module.MlflowClient = FakeClient  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", module)
    monkeypatch.delenv("RANK", raising=False)
    return FakeClient.calls


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
    small_recipe: Callable[..., Recipe], tmp_path: Path, calls: list[tuple[Any, ...]]
) -> None:
    recipe = small_recipe(epochs=9)
    with pytest.raises(KeyboardInterrupt), follow_in_mlflow(recipe, tmp_path, "http://here") as log:
        log(epoch(1))
        raise KeyboardInterrupt
    with follow_in_mlflow(recipe, tmp_path, "http://here") as log:
        log(epoch(2))  # early stopping may end it here, before the last epoch
    assert [call for call in calls if call[0] == "run"] == [("run", "id of covidcxr", "small")]
    assert ("param", "network.name", "haghanifar2020") in calls
    assert ("metric", "loss/validation", 0.6, 1) in calls
    assert ("metric", "loss/train", 0.5, 2) in calls
    ends = [call for call in calls if call[0] in ("end", "again")]
    assert ends == [("end", "KILLED"), ("again", "r1", "RUNNING"), ("end", "FINISHED")]


def test_a_training_that_fails_leaves_a_failed_run_and_one_that_never_began_none(
    small_recipe: Callable[..., Recipe], tmp_path: Path, calls: list[tuple[Any, ...]]
) -> None:
    with pytest.raises(TrainingError), follow_in_mlflow(small_recipe(), tmp_path, "http://here"):
        raise TrainingError("no such dataset")
    assert calls == [("client", "http://here")]
    with pytest.raises(TrainingError), follow_in_mlflow(small_recipe(), tmp_path, "http://here") as log:
        log(epoch(1))
        raise TrainingError("the loss became nan")
    assert calls[-1] == ("end", "FAILED")


def test_a_server_that_fails_is_told_once_and_the_training_goes_on(
    small_recipe: Callable[..., Recipe],
    tmp_path: Path,
    calls: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def hiccup(*arguments: object, **options: object) -> None:
        raise OSError("connection reset")

    monkeypatch.setattr(FakeClient, "log_metric", hiccup)
    with follow_in_mlflow(small_recipe(), tmp_path, "http://here") as log:
        log(epoch(1))
        log(epoch(2))
    assert caplog.text.count("http://here: connection reset; the training goes on without it") == 1


def test_of_several_processes_only_the_first_logs(
    small_recipe: Callable[..., Recipe],
    tmp_path: Path,
    calls: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANK", "1")
    with follow_in_mlflow(small_recipe(), tmp_path, "http://here") as log:
        log(epoch(1))
    assert calls == []


def test_without_mlflow_the_error_names_the_extra(
    small_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(MissingExtraError, match=r"covidcxr\[mlflow\]"),
        follow_in_mlflow(small_recipe(), tmp_path, "http://here"),
    ):
        pass
