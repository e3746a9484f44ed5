"""A table of predictions for very many inputs, resumed exactly where it was cut off.

Rows are gathered in parts beside the table, each written whole or not at all; the table itself appears when the last
part is there. A run that was killed is resumed by the same command: whole parts are kept, the rest is computed in the
same batches, so the table is the same as if nothing had happened.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from covidcxr.core.artefacts import atomic_file, refuse_foreign_file, write_text, writing_to
from covidcxr.core.errors import OutputError
from covidcxr.core.version import release
from covidcxr.inference.decoding import Item
from covidcxr.inference.predictor import Predictor
from covidcxr.outputs.predictions import (
    Row,
    check_suffix,
    is_own_table,
    names_path,
    read_parquet_rows,
    table_writer,
    to_row,
)

PART_ROWS = 1024
_JOURNAL, _LOCK, _NAMES = "journal.json", "lock", "names.csv"
_FORMAT = 2

Engine = Callable[[Iterator[Item], int], Iterator[list[Row]]]


def predict_to_table(
    predictor: Predictor,
    items: Iterable[Item],
    out: Path,
    *,
    workers: int | None = 0,
    part_rows: int = PART_ROWS,
    engine: Engine | None = None,
) -> Iterator[Row]:
    """Predict ``items`` into the table ``out`` and yield every row in order, whether kept from before or new.

    Where items have pseudonyms, a second table (`names_path`), which only its owner can read, says whose they are.

    Args:
        predictor: The loaded bundle.
        items: In an order that is the same on every run; taken lazily.
        out: A ``.csv`` or ``.parquet`` file; it appears after the last row.
        workers: As in `Predictor.predict`.
        part_rows: Rows a part holds; what a kill can cost.
        engine: Computes the rows of every so many items, in order, somewhere else; ``predictor`` itself by default.
            It must give what ``predictor`` would, because parts of both may end in one table.

    Raises:
        OutputError: If the place cannot be written, or another run is writing to it.
    """
    check_suffix(out)
    refuse_foreign_file(out, is_own=is_own_table, what="table of predictions")
    folder = parts_folder(out)
    with writing_to(out):
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, out):
        _open_journal(folder, predictor, part_rows)
        source = _noting_names(items, folder / _NAMES)
        number = 0
        fresh: list[Item] = []
        while (kept := _read_part(folder, number)) is not None:
            fresh = list(islice(source, len(kept)))
            if [row["input"] for row in kept] != [item.record_id for item in fresh]:
                break  # the inputs have changed since; from here on everything is computed anew
            yield from kept
            number += 1
            fresh = []
            if len(kept) < part_rows:
                break
        _drop_parts(folder, number)
        rest = (item for items in (fresh, source) for item in items)
        parts = _parts(predictor, rest, workers, part_rows) if engine is None else engine(rest, part_rows)
        for rows in parts:
            _write_part(folder, number, rows, predictor)
            yield from rows
            number += 1
        if (folder / _NAMES).is_file():
            (folder / _NAMES).replace(names_path(out))
        _merge(folder, number, out, predictor)
    shutil.rmtree(folder, ignore_errors=True)


def parts_folder(out: Path) -> Path:
    """Return where the parts of an unfinished table are."""
    return out.with_name(f".{out.name}.parts")


def _noting_names(items: Iterable[Item], path: Path) -> Iterator[Item]:
    """Yield ``items``, writing the names of those that have pseudonyms to ``path``."""
    path.unlink(missing_ok=True)
    noted: TextIO | None = None
    try:
        for item in items:
            if item.name:
                if noted is None:
                    with writing_to(path):
                        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                    noted = os.fdopen(descriptor, "w", newline="", encoding="utf-8", errors="surrogateescape")
                    csv.writer(noted, lineterminator="\n").writerow(["input", "name", "path"])
                place = os.path.realpath(item.source) if isinstance(item.source, str | Path) else ""
                csv.writer(noted, lineterminator="\n").writerow([item.record_id, item.name, place])
            yield item
    finally:
        if noted is not None:
            noted.close()


def _parts(predictor: Predictor, items: Iterator[Item], workers: int | None, part_rows: int) -> Iterator[list[Row]]:
    predictions = predictor.predict_items(items, workers=workers, group=part_rows)
    while rows := [to_row(prediction) for prediction in islice(predictions, part_rows)]:
        yield rows


def _open_journal(folder: Path, predictor: Predictor, part_rows: int) -> None:
    """Keep the parts that the same bundle and release made on the same device in the same way; drop any others."""
    wanted = {
        "format": _FORMAT,
        "bundle": predictor.bundle.bundle_id,
        "device": predictor.device,
        "batch_size": predictor.batch_size,
        "gated": predictor.gated,
        "turning": predictor.turning,
        "explained": predictor.lung_fraction is not None,
        "weights": _other_weights(predictor),
        "release": release(),
        "part_rows": part_rows,
    }
    journal = folder / _JOURNAL
    try:
        found = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found != wanted:
        _drop_parts(folder, 0)
        write_text(journal, json.dumps(wanted, indent=2) + "\n")


def _other_weights(predictor: Predictor) -> list[str]:
    """Return the digests of the networks that look at an image before the bundle's does."""
    from covidcxr.imaging.gate.kinds import gate_network_card
    from covidcxr.imaging.lungs.segment import lung_network_card

    gate = [gate_network_card()] if predictor.gated else []
    has_lungs = predictor.gated or predictor.spec.region == "lungs" or predictor.lung_fraction is not None
    lungs = [lung_network_card()] if has_lungs else []
    return [str(card["sha256"]) for card in (*gate, *lungs)]


def _part_path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:08d}.parquet"


def _read_part(folder: Path, number: int) -> list[Row] | None:
    path = _part_path(folder, number)
    return read_parquet_rows(path) if path.is_file() else None


def _write_part(folder: Path, number: int, rows: list[Row], predictor: Predictor) -> None:
    with atomic_file(_part_path(folder, number)) as partial:
        with table_writer(partial, predictor.classes) as table:
            for row in rows:
                table.add(row)
        _sync(partial)  # a part that a power cut left half written would be taken for whole


def _drop_parts(folder: Path, first: int) -> None:
    keep = {_part_path(folder, number).name for number in range(first)}
    for path in folder.glob("*.parquet"):
        if path.name not in keep:
            path.unlink()


def _merge(folder: Path, num_parts: int, out: Path, predictor: Predictor) -> None:
    with atomic_file(out) as partial:
        with table_writer(partial, predictor.classes) as table:
            for number in range(num_parts):
                for row in _read_part(folder, number) or ():
                    table.add(row)
        _sync(partial)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _locked(folder: Path, out: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(
                f"{out}: another run is writing this table; wait for it, or choose another --out"
            ) from None
        yield
