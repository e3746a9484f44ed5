"""A training's curves in MLflow, for those who keep their experiments there (the extra ``mlflow``).

TensorBoard's are always written (`covidcxr.training.curves`); this is beside them, epoch by epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from covidcxr.core.artefacts import write_text
from covidcxr.core.errors import MissingExtraError
from covidcxr.core.recipe import Recipe
from covidcxr.training.history import EpochHistory

EXPERIMENT = "covidcxr"
_RUN = "mlflow-run.txt"
_LONGEST = 500  # characters of a parameter's value that every MLflow server takes


def follow_in_mlflow(recipe: Recipe, out: Path, uri: str) -> Callable[[EpochHistory], None]:
    """Return what logs each epoch of a training in ``out`` to the MLflow server, file or database at ``uri``.

    A training that goes on logs to the run it began, whose name is kept in ``out``. Paths and patients are not logged.

    Raises:
        MissingExtraError: If MLflow is not installed.
    """
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingExtraError("mlflow", "mlflow", "following a training in MLflow") from error
    client = MlflowClient(tracking_uri=uri)
    place = out / _RUN
    if place.is_file():
        run_id = place.read_text(encoding="utf-8").strip()
    else:
        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
        run_id = client.create_run(experiment, run_name=recipe.name).info.run_id
        write_text(place, run_id + "\n")
        for table in ("network", "training"):
            for key, value in recipe.model_dump(mode="json")[table].items():
                client.log_param(run_id, f"{table}.{key}", str(value)[:_LONGEST])

    def log(epoch: EpochHistory) -> None:
        for part, metrics in (("train", epoch.train), ("validation", epoch.validation)):
            for name, value in metrics.items():
                client.log_metric(run_id, f"{name}/{part}", value, step=epoch.epoch)
        client.log_metric(run_id, "learning_rate", epoch.learning_rate, step=epoch.epoch)
        if epoch.epoch == recipe.training.epochs:
            client.set_terminated(run_id)

    return log
