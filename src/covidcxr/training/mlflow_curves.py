"""A training's curves in MLflow, for those who keep their experiments there (the extra ``mlflow``).

TensorBoard's are always written (`covidcxr.training.curves`); this is beside them, epoch by epoch. Nothing that a
server does or does not do ends a training.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from covidcxr.core.artefacts import write_text
from covidcxr.core.errors import MissingExtraError
from covidcxr.core.no_reports import forbid_reports
from covidcxr.core.recipe import Recipe
from covidcxr.models.history import EpochHistory

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

EXPERIMENT = "covidcxr"
_RUN = "mlflow-run.txt"
_LONGEST = 500  # characters of a parameter's value that every MLflow server takes


@contextmanager
def follow_in_mlflow(recipe: Recipe, out: Path, uri: str) -> Iterator[Callable[[EpochHistory], None]]:
    """Give what logs each epoch of a training in ``out`` to the MLflow server, file or database at ``uri``.

    The run is begun with the first epoch, so that a mistaken call leaves none behind, and it ends as the training does:
    finished, failed, or killed where somebody interrupted it. A training that goes on logs to the run it began, whose
    name is kept in ``out``. Of several processes only the first logs. Paths and patients are not logged.

    Raises:
        MissingExtraError: If MLflow is not installed.
    """
    forbid_reports()
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingExtraError("mlflow", "mlflow", "following a training in MLflow") from error
    if os.environ.get("RANK", "0") != "0":
        yield lambda epoch: None
        return
    follower = _Follower(MlflowClient(tracking_uri=uri), recipe, out, uri)
    try:
        yield follower.log
    except KeyboardInterrupt:
        follower.end("KILLED")
        raise
    except BaseException:
        follower.end("FAILED")
        raise
    follower.end("FINISHED")


class _Follower:
    """Logs to one run, until the server fails once."""

    def __init__(self, client: MlflowClient, recipe: Recipe, out: Path, uri: str) -> None:
        self._client, self._recipe, self._out, self._uri = client, recipe, out, uri
        self._run_id = ""
        self._works = True

    def log(self, epoch: EpochHistory) -> None:
        """Log an epoch."""
        self._try(lambda: self._log(epoch))

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Close the run, if one was begun."""
        if self._run_id:
            self._try(lambda: self._client.set_terminated(self._run_id, status=status))

    def _try(self, call: Callable[[], None]) -> None:
        if not self._works:
            return
        try:
            call()
        except Exception as error:  # whatever the server, the network or MLflow raises
            self._works = False
            logger.warning("MLflow at %s: %s; the training goes on without it", self._uri, error)

    def _log(self, epoch: EpochHistory) -> None:
        if not self._run_id:
            self._run_id = self._begun() or self._begin()
        for part, metrics in (("train", epoch.train), ("validation", epoch.validation)):
            for name, value in metrics.items():
                self._client.log_metric(self._run_id, f"{name}/{part}", value, step=epoch.epoch)
        self._client.log_metric(self._run_id, "learning_rate", epoch.learning_rate, step=epoch.epoch)

    def _begun(self) -> str:
        """Return the run that an earlier call began, open again; empty if there is none."""
        place = self._out / _RUN
        if not place.is_file():
            return ""
        run_id = place.read_text(encoding="utf-8").strip()
        self._client.update_run(run_id, status="RUNNING")
        return run_id

    def _begin(self) -> str:
        known = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
        run_id = str(self._client.create_run(experiment, run_name=self._recipe.name).info.run_id)
        write_text(self._out / _RUN, run_id + "\n")
        for table in ("network", "training"):
            for key, value in self._recipe.model_dump(mode="json")[table].items():
                self._client.log_param(run_id, f"{table}.{key}", str(value)[:_LONGEST])
        return run_id
