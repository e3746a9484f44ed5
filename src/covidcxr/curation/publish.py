"""Writes a compiled dataset into an empty folder; what makes it appear whole or not at all is the caller's."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from covidcxr.core.artefacts import write_bytes, write_text
from covidcxr.core.checksums import SUMS_FILE, checksum_lines
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError, EmptyDatasetError, OutputError
from covidcxr.core.notice import SYNTHETIC_NOTICE
from covidcxr.core.progress import Progress
from covidcxr.core.recipe import Recipe
from covidcxr.core.types import Manifest
from covidcxr.curation.assemble import Assembly, conversion
from covidcxr.curation.browse import browse_page
from covidcxr.curation.contact_sheet import draw_contact_sheet
from covidcxr.curation.copy_report import CopyReport, report_copies
from covidcxr.curation.croissant import croissant
from covidcxr.curation.datasheet import confounding_sentences, missing_sentences, write_datasheet
from covidcxr.curation.duplicates import DuplicatePairs
from covidcxr.curation.image_store import FACTS_FILE, ImageStore
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.leak_file import LEAKS_FILE, write_leaks
from covidcxr.curation.leaks import LeakReport, find_leaks
from covidcxr.curation.near_duplicates import PAIRS_FILE, search_key, searched, write_pairs_file
from covidcxr.curation.pair_gallery import pair_gallery
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports.archive import archive_name, write_archive
from covidcxr.dataset.manifest import EXCLUSIONS_FILE, MANIFEST_FILE, exclusions_table, write_dataset_file, write_tables
from covidcxr.sources.source import SourceInfo, SourceListing


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePart:
    """A source as it was found: facts about it, its folder, its records and problems."""

    info: SourceInfo
    folder: Path
    listing: SourceListing


def publish(
    folder: Path,
    *,
    recipe: Recipe,
    assembly: Assembly,
    parts: Mapping[str, SourcePart],
    facts: Mapping[str, ImageFacts],
    found: DuplicatePairs | None,
    store: ImageStore,
    progress: Progress,
) -> None:
    """Write images, tables, datasheet and all that describes them into ``folder``; last dataset.json, which lists it.

    ``found`` are the copies that were found, None if there was no search.

    Raises:
        OSError, OutputError: If something cannot be written.
    """
    manifest = assembly.manifest
    copies = report_copies(found, assembly.candidates, manifest, recipe.dataset)
    with ThreadPoolExecutor(1) as beside:  # the disk is busy with the images while the processor looks for leaks
        placing = beside.submit(_place_images, folder, manifest, facts, store, progress)
        leaks = find_leaks(manifest, facts, copies)
        placing.result()
    store.write_facts(folder / FACTS_FILE, (facts[record_id] for record_id in sorted(facts)))
    if manifest.synthetic:
        write_text(folder / "SYNTHETIC.txt", SYNTHETIC_NOTICE + "\n")
    sheet = draw_contact_sheet(manifest, f"{recipe.name}: {recipe.title}", lambda sample: folder / sample.image)
    write_bytes(folder / "contact-sheet.png", _png(sheet))
    if found is not None or copies.conflicting:
        _write_copies(folder, found, copies, assembly=assembly, parts=parts, facts=facts, store=store)
    write_leaks(folder / LEAKS_FILE, leaks)
    infos = {name: part.info for name, part in parts.items()}
    listings = {name: part.listing for name, part in parts.items()}
    write_text(folder / "DATASHEET.md", write_datasheet(assembly, recipe, infos, listings, leaks))
    write_text(folder / "dataset.html", browse_page(assembly, facts, title=f"{recipe.name}: {recipe.title}"))
    write_tables(folder, manifest)
    document = _croissant(folder, recipe, assembly, infos, leaks)
    write_text(folder / "croissant.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    resolved = recipe.model_dump(mode="json")
    if recipe.dataset.archive:
        unfinished = Dataset(root=folder, manifest=manifest, recipe=resolved)
        write_archive(unfinished, folder / archive_name(recipe.name), progress)
    details = _details(assembly, parts, leaks)
    write_dataset_file(folder, manifest, recipe=resolved, conversion=conversion(recipe.dataset), details=details)


def error_with_list(error: EmptyDatasetError, folder: Path) -> DatasetError:
    """Return ``error`` with the path of a list, written into ``folder``, of all that was left out and why.

    Raises:
        OutputError: If it cannot be written.
    """
    path = folder / EXCLUSIONS_FILE
    write_bytes(path, exclusions_table(error.left_out))
    return DatasetError(f"{error}; every image with its reason is in {path}")


def _write_copies(
    folder: Path,
    found: DuplicatePairs | None,
    copies: CopyReport,
    *,
    assembly: Assembly,
    parts: Mapping[str, SourcePart],
    facts: Mapping[str, ImageFacts],
    store: ImageStore,
) -> None:
    records = {record.record_id: record for part in parts.values() for record in part.listing.records}
    if found is not None:
        ids = [record.record_id for record in searched(list(records.values()), facts)]
        is_whole = copies.search == "group"  # only then may the next compile go by it
        write_pairs_file(folder / PAIRS_FILE, found, search_key(ids, facts) if is_whole else "")

    def picture(record_id: str) -> Path:
        return store.picture(facts[record_id]) or records[record_id].path

    page = pair_gallery(found, copies, assembly.manifest, assembly.candidates, picture)
    write_text(folder / "near-duplicates.html", page)


def _croissant(
    folder: Path, recipe: Recipe, assembly: Assembly, infos: Mapping[str, SourceInfo], leaks: LeakReport
) -> Mapping[str, Any]:
    manifest = assembly.manifest
    stated = {sample.record.licence for sample in manifest.samples} - {""}
    return croissant(
        manifest,
        name=recipe.name,
        title=recipe.title,
        manifest_sha256=file_sha256(folder / MANIFEST_FILE),
        licences=sorted(stated) or sorted({info.licence for info in infos.values()}),
        citations=[info.citation for _, info in sorted(infos.items())],
        homepages=[info.homepage for _, info in sorted(infos.items())],
        biases=[*confounding_sentences(manifest), *leaks.sentences],
    )


def _place_images(
    folder: Path, manifest: Manifest, facts: Mapping[str, ImageFacts], store: ImageStore, progress: Progress
) -> None:
    digests = {}
    for place in {(folder / sample.image).parent for sample in manifest.samples}:
        place.mkdir(parents=True, exist_ok=True)
    for sample in progress.track(manifest.samples, total=len(manifest.samples), label="place"):
        item = facts[sample.record.record_id]
        picture = store.picture(item)
        if picture is None:
            raise OutputError(f"{sample.record.record_id}: its converted image has gone while compiling; compile again")
        link_or_copy(picture, folder / sample.image)
        digests[sample.image] = item.image_sha256
    (folder / SUMS_FILE).write_text(checksum_lines(digests), encoding="utf-8")


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` a hard link to ``source``, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _details(assembly: Assembly, parts: Mapping[str, SourcePart], leaks: LeakReport) -> dict[str, Any]:
    listings = {name: part.listing for name, part in parts.items()}
    problems = {
        name: dict(sorted(Counter(item.rule for item in part.listing.problems).items())) for name, part in parts.items()
    }
    return {
        "frontal_candidates": [
            {"source": source, "published_split": split, "class": label, "images": number}
            for (source, split, label), number in assembly.frontal.items()
        ],
        "sources": {
            name: {
                "title": part.info.title,
                "licence": part.info.licence,
                "citation": part.info.citation,
                "homepage": part.info.homepage,
                "version": part.listing.version,
                "rows": part.listing.num_rows,
                "files": part.listing.num_files,
                "problems": problems[name],
            }
            for name, part in sorted(parts.items())
        },
        "leaks": {"verdict": leaks.verdict, "sentences": list(leaks.sentences)},
        "notes": [
            *assembly.notes,
            *assembly.doubts,
            leaks.copies.coverage(),
            *missing_sentences(listings),
            *confounding_sentences(assembly.manifest),
        ],
    }


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=False)
    return stream.getvalue()
