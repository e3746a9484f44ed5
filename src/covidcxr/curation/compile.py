"""The compiler: public sources and a recipe in, a dataset out.

It only leads: sources read metadata, the image store does the work on files, `assemble` decides, `publish` writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from covidcxr.core.artefacts import atomic_directory, check_place, clear_leftovers, writing_to
from covidcxr.core.errors import DatasetError, EmptyDatasetError, SourceError
from covidcxr.core.processors import num_processors
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.core.types import Exclusion, Record
from covidcxr.curation.assemble import Assembly, assemble, needed_scores
from covidcxr.curation.copy_report import may_matter
from covidcxr.curation.duplicates import DuplicatePairs
from covidcxr.curation.image_store import Engine, ImageStore
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.near_duplicates import find_near_duplicates, find_near_hashes, searched
from covidcxr.curation.publish import SourcePart, error_with_list, publish
from covidcxr.curation.recipe_names import check_names
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.manifest import DATASET_FILE
from covidcxr.sources import SOURCES
from covidcxr.sources.lookup import find_folder, find_sources_root, is_synthetic


def compile_dataset(
    recipe: Recipe | str,
    out: Path | str,
    *,
    sources: Path | None = None,
    workers: int | None = None,
    engine: Engine = "local",
    progress: Progress = SILENT,
) -> Dataset:
    """Compile the dataset that ``recipe`` describes into the folder ``out`` and return it.

    The same sources, recipe and release give the same manifest digest on any machine, whatever ``workers`` is. A
    dataset of the same digest that stands there whole is kept as it is; of any other, images that are still right
    are used again. When it is interrupted, ``out`` stays as it was, and the next run goes on where this one ended.

    Args:
        recipe: A recipe, its name, or the path of its TOML file.
        out: A folder that is missing, empty, or holds a compiled dataset, which is replaced.
        sources: Folder of the public sources; None looks in the usual places.
        workers: Processes for the image work; by default one a processor.
        engine: Where the image work runs.
        progress: Who follows it.

    Raises:
        SourceError: If a source that the recipe takes is missing or not as documented.
        RecipeError, RegistryError: If the recipe names something unknown.
        DatasetError: If no image is left, or none of a class; the message names a list of all that was left out.
        OutputError: If ``out`` cannot be written, or holds something else.
    """
    recipe = check_names(load_recipe(recipe) if isinstance(recipe, str) else recipe)
    root = find_sources_root(sources)
    if root is None:
        raise SourceError(
            "no public source found (looked at --sources, COVIDCXR_SOURCES, ./data/sources, ../shared/data/sources); "
            f"fetch them with: covidcxr sources fetch {' '.join(recipe.dataset.take)}"
        )
    out = Path(out).absolute()
    clear_leftovers(out)
    check_place(out, DATASET_FILE, "compiled dataset")
    parts = _read_sources(recipe, root, progress)
    store = ImageStore(
        out,
        longest_side=recipe.dataset.longest_side,
        jpeg_quality=recipe.dataset.jpeg_quality,
        look=needed_scores(recipe.dataset),
        engine=engine,
    )
    earlier = _earlier_dataset(out)
    if earlier is not None:
        store.offer_pictures(_pictures(earlier))
    workers = workers or num_processors()
    jobs = [
        store.job(record.record_id, record.path, record.path.relative_to(part.folder).as_posix())
        for part in parts.values()
        for record in part.listing.records
    ]
    facts = store.facts(jobs, workers=workers, progress=progress)
    mode = recipe.dataset.near_duplicates
    records = searched([record for part in parts.values() for record in part.listing.records], facts)
    found: DuplicatePairs | None = None
    if mode == "group":
        found = find_near_duplicates(records, facts, earlier=out, workers=workers, progress=progress)
    try:
        assembly = _assemble(recipe, parts, facts, found, synthetic=is_synthetic(root))
    except EmptyDatasetError as error:
        raise error_with_list(error, store.folder) from None
    if earlier is not None and _is_same(earlier, assembly, recipe):
        store.discard()
        return earlier
    wanted = {sample.record.record_id for sample in assembly.manifest.samples}
    missing = [job for job in jobs if job.record_id in wanted and store.picture(facts[job.record_id]) is None]
    facts |= store.work(missing, workers=workers, progress=progress)
    if mode == "report":
        matters = may_matter(assembly.candidates, assembly.manifest, recipe.dataset)
        found = find_near_hashes(records, facts, matters, workers=workers, progress=progress)
    with atomic_directory(out) as folder, writing_to(out):
        publish(
            folder,
            recipe=recipe,
            assembly=assembly,
            parts=parts,
            facts=facts,
            found=found,
            store=store,
            progress=progress,
        )
    store.discard()
    return Dataset(root=out, manifest=assembly.manifest, recipe=recipe.model_dump(mode="json"))


def _read_sources(recipe: Recipe, root: Path, progress: Progress) -> dict[str, SourcePart]:
    parts: dict[str, SourcePart] = {}
    names = sorted(recipe.dataset.take)
    for name in progress.track(names, total=len(names), label="sources"):
        source = SOURCES.get(name)()
        folder = find_folder(source, root)
        parts[name] = SourcePart(info=source.info, folder=folder, listing=source.read(folder))
    return parts


def _assemble(
    recipe: Recipe,
    parts: Mapping[str, SourcePart],
    facts: Mapping[str, ImageFacts],
    found: DuplicatePairs | None,
    *,
    synthetic: bool,
) -> Assembly:
    records = [_relative(record, part.folder) for part in parts.values() for record in part.listing.records]
    problems: list[Exclusion] = [problem for part in parts.values() for problem in part.listing.problems]
    versions = {name: part.listing.version for name, part in parts.items()}
    pairs = found.id_pairs() if found is not None else []
    return assemble(
        records, facts, problems, recipe.dataset, source_versions=versions, synthetic=synthetic, pairs=pairs
    )


def _relative(record: Record, folder: Path) -> Record:
    return replace(record, path=record.path.relative_to(folder))


def _earlier_dataset(out: Path) -> Dataset | None:
    try:
        return Dataset.open(out) if (out / DATASET_FILE).is_file() else None
    except DatasetError:
        return None  # damaged: it is replaced


def _pictures(earlier: Dataset) -> dict[str, tuple[Path, str]]:
    digests = earlier.image_digests
    return {sample.sha256: (earlier.image_path(sample), digests.get(sample.image, "")) for sample in earlier.samples}


def _is_same(earlier: Dataset, assembly: Assembly, recipe: Recipe) -> bool:
    return (
        earlier.digest == assembly.manifest.digest
        and earlier.samples == assembly.manifest.samples  # columns that the digest leaves out, of an earlier release
        and _says(earlier.recipe, recipe)
        and not earlier.verify()
    )


def _says(earlier: Mapping[str, Any] | None, recipe: Recipe) -> bool:
    """Tell if a dataset of the recipe ``earlier`` says of itself what one of ``recipe`` would, training aside."""
    try:
        before = Recipe.model_validate(earlier or {})
    except ValidationError:
        return False
    return all(
        getattr(before, name) == getattr(recipe, name) for name in ("name", "title", "citation", "notes", "dataset")
    )
