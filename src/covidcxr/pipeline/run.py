"""``run``: all steps from sources to report; each reads one artefact and writes the next.

A step is skipped when what it would write is already there for the same digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.errors import MissingExtraError, SourceError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.core.types import EvaluationReport
from covidcxr.curation.compile import compile_dataset
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.pipeline.train import train
from covidcxr.sources.fetch import fetch_source
from covidcxr.sources.lookup import find_sources_root, is_synthetic, locate_sources
from covidcxr.sources.phantoms import write_phantom_sources
from covidcxr.training.check import check_recipe

DOWNLOAD_FOLDER = Path("data/sources")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What a run left behind: the four artefacts and the reports of its test split."""

    dataset: Dataset
    bundle: Path
    report: Path
    evaluations: tuple[EvaluationReport, ...]


def run(
    recipe: Recipe | str,
    out: Path,
    *,
    sources: Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    audit: bool = True,
    progress: Progress = SILENT,
) -> RunResult:
    """Compile, train, evaluate, audit and report ``recipe`` under ``out``, going on where an earlier run stopped.

    Args:
        recipe: A resolved recipe, its name, or a TOML file.
        out: Gets ``dataset/``, ``bundle/`` (with the training's checkpoints and curves beside it) and ``report/``.
        sources: Folder of the public sources; else looked up, then downloaded, then replaced by phantoms.
        workers: Processes for the image work; one per core by default.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        audit: Also run the shortcut audits, which the verdict rests on (minutes).
        progress: Progress reporter.

    Raises:
        CovidCxrError: Any step's own.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    check_recipe(recipe)
    root = sources_for(recipe, out, sources=sources, progress=progress)
    dataset = compile_dataset(recipe, out / "dataset", sources=root, workers=workers, progress=progress)
    bundle = train(recipe, dataset, out, device=device, progress=progress)
    report = out / "report"
    evaluations = evaluate(
        bundle,
        [out / "dataset"],
        report,
        settings=EvaluationSettings(audit=audit),
        device=device,
        progress=progress,
    )
    return RunResult(dataset=dataset, bundle=bundle, report=report, evaluations=tuple(evaluations))


def sources_for(recipe: Recipe, out: Path, *, sources: Path | None = None, progress: Progress = SILENT) -> Path:
    """Return a folder that holds the recipe's sources: found, downloaded, or made of synthetic phantoms.

    Raises:
        SourceError: If ``sources``, or the folder that COVIDCXR_SOURCES names, is not there, or if only some of the
            sources could be downloaded; what the user has is never replaced by phantoms.
    """
    root = find_sources_root(sources)
    if root is not None:
        return root
    try:
        for name in recipe.dataset.take:
            fetch_source(name, DOWNLOAD_FOLDER, progress=progress)
    except (SourceError, MissingExtraError) as error:
        if locate_sources(DOWNLOAD_FOLDER):
            raise SourceError(f"{error}; what was downloaded so far is kept in {DOWNLOAD_FOLDER}") from error
        progress.message(f"No public source is here, and none could be downloaded: {error}")
        return _phantoms(out / "phantom-sources", seed=recipe.dataset.seed, progress=progress)
    return DOWNLOAD_FOLDER


def _phantoms(root: Path, *, seed: int, progress: Progress) -> Path:
    progress.message("Going on with SYNTHETIC chest phantoms: every artefact says so, and no number means anything.")
    if not is_synthetic(root):
        write_phantom_sources(root, seed=seed, progress=progress)
    return root
