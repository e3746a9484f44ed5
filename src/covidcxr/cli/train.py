"""``covidcxr train``: a recipe and a dataset to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.options import (
    DeviceOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    print_json,
    progress_for,
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("train", epilog="Example: covidcxr train zhong2020 --data runs/dataset --out runs/zhong2020")(
        train_recipe
    )


def train_recipe(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="A compiled dataset, or a tree of class folders.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; gets bundle/, checkpoints/, tensorboard/.")],
    overrides: SetOption = None,
    mlflow: Annotated[
        str, typer.Option("--mlflow", metavar="URI", help="Also log the epochs to MLflow, e.g. http://localhost:5000.")
    ] = "",
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe's network; an interrupted training goes on where it stopped."""
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.models.bundle import Bundle
    from covidcxr.pipeline.train import train
    from covidcxr.training.processes import is_leader

    resolved = load_recipe(recipe, overrides or [])
    progress = progress_for(quiet=quiet or as_json)
    if mlflow:
        from covidcxr.training.mlflow_curves import follow_in_mlflow

        with follow_in_mlflow(resolved, out, mlflow) as follow:
            folder = train(resolved, data, out, device=device, progress=progress, after_epoch=follow)
    else:
        folder = train(resolved, data, out, device=device, progress=progress)
    if not is_leader():
        return
    bundle = Bundle.load(folder, verify=False)
    history = bundle.info.history
    if as_json:
        print_json(
            {
                "bundle": str(folder),
                "bundle_id": bundle.bundle_id,
                "epochs": history.epochs,
                "kept_epoch": history.kept_epoch,
                "device": history.device,
                "seconds": history.seconds,
                "train": history.train,
                "validation": history.validation,
                "validation_split": history.validation_split,
                "synthetic": bundle.info.synthetic,
                "notice": bundle.info.notice,
            }
        )
    elif not quiet:
        typer.echo(
            f"{folder}: {history.epochs} epochs on {history.device}, epoch {history.kept_epoch} kept; validation "
            f"accuracy {history.validation['accuracy']:.4f}. {bundle.info.notice}"
        )
