"""``backbones``: one recipe trained with several networks in turn on the same images, and compared.

The folder holds ``dataset/`` (unless one is given), ``networks/NAME/`` (each a run with its bundle) and ``report/``;
networks that are trained are not trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covidcxr.core.errors import RecipeError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe, require_network
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.curation.compile import compile_dataset
from covidcxr.evaluation.published import published_result
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings
from covidcxr.pipeline.compare import compare
from covidcxr.pipeline.run import sources_for
from covidcxr.report.comparison_result import CompareResult
from covidcxr.training.check import check_recipe
from covidcxr.training.fit import train


def backbones(
    recipe: Recipe | str,
    out: Path,
    *,
    networks: Sequence[str] = (),
    data: Path | None = None,
    sources: Path | None = None,
    workers: int | None = None,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> CompareResult:
    """Train ``recipe`` once with each network and write the comparison on the test split to ``out``/report.

    Args:
        recipe: A resolved recipe, its name, or a TOML file.
        out: Folder of the runs and the report.
        networks: Names of the registry or ``timm:NAME``, the reference first; by default the recipe's ``backbones``.
        data: A dataset; compiled from the sources if None.
        sources: Folder of the public sources, as `covidcxr.pipeline.run.run` looks for them.
        workers: Processes for the image work; one per core by default.
        settings: How they are measured, as `covidcxr.pipeline.compare.compare` takes it.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the report.
        cache: Where packed images are kept; the user's cache folder by default.
        progress: Progress reporter.

    Raises:
        RecipeError: If fewer than two networks are named, or one twice; nothing is compiled or trained before every
            network could be built.
        CovidCxrError: Any step's own.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    require_network(recipe)
    names = tuple(networks) or recipe.backbones
    _check(recipe, names)
    if data is None:
        root = sources_for(recipe, out, sources=sources, progress=progress)
        data = out / "dataset"
        compile_dataset(recipe, data, sources=root, workers=workers, progress=progress)
    bundles = []
    for number, name in enumerate(names, start=1):
        progress.message(f"network {number} of {len(names)}: {name}")
        place = out / "networks" / name.replace(":", "-").replace("/", "-")
        bundles.append(train(with_network(recipe, name), data, place, device=device, cache=cache, progress=progress))
    published = published_result(recipe.evaluation.published) if recipe.evaluation.published else None
    return compare(
        bundles,
        [data],
        out / "report",
        settings=settings,
        device=device,
        published=published.by_network if published else {},
        command=command,
        cache=cache,
        progress=progress,
    )


def with_network(recipe: Recipe, name: str) -> Recipe:
    """Return ``recipe`` with another network; options and weights stay only with the network they are meant for."""
    network = recipe.network
    if name != network.name:
        network = network.model_copy(update={"name": name, "options": {}, "weights": ""})
    return recipe.model_copy(update={"name": name, "title": f"{recipe.title}: {name}", "network": network})


def _check(recipe: Recipe, names: Sequence[str]) -> None:
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise RecipeError(
            f"recipe {recipe.name}: networks to compare: {', '.join(names) or 'none'}; expected two different ones at "
            "least: name them with --network, or as `backbones` in the recipe"
        )
    for name in names:
        check_recipe(with_network(recipe, name))
