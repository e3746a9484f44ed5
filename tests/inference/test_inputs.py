from __future__ import annotations

import os
from pathlib import Path

import pytest

import bundles
from covidcxr.core.errors import ImageReadError
from covidcxr.inference.inputs import expand


def names(folder: Path, *paths: Path) -> list[str]:
    return [str(Path(item.record_id).relative_to(folder)) for item in expand(paths)]


def test_folders_are_walked_in_a_fixed_order_and_only_images_are_taken(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.JPG", "a/film", "c.dcm", "notes.txt", ".hidden.png", "b/manifest.json", "DICOMDIR"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bundles.png(1) if name == "a/film" else b"whatever")
    assert names(tmp_path, tmp_path) == ["c.dcm", "a/film", "b/1.JPG", "b/2.png"]


def test_files_are_taken_as_they_are_even_if_missing(tmp_path: Path) -> None:
    assert names(tmp_path, tmp_path / "gone.png", tmp_path / "notes.txt") == ["gone.png", "notes.txt"]


def test_a_table_names_paths_beside_it_and_may_name_the_records(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("\ufeffrecord_id,path\nfirst,x/1.png\n,2.png\nthird,\n", encoding="utf-8")
    items = list(expand([tmp_path / "list.csv"]))
    assert [item.record_id for item in items] == ["first", str(tmp_path / "2.png")]
    assert items[0].source == tmp_path / "x/1.png"


def test_a_table_without_paths_and_a_folder_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("patient,finding\n1,none\n")
    with pytest.raises(ImageReadError, match="no column of paths .found: patient, finding"):
        list(expand([tmp_path / "list.csv"]))
    with pytest.raises(ImageReadError, match="no image in this folder"):
        list(expand([tmp_path]))


def test_a_pipe_in_a_folder_does_not_stop_the_walk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    assert names(tmp_path, tmp_path) == ["film.png"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8"])
def test_tables_of_paths_are_read_as_spreadsheets_save_them(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("ID;Filename\r\n1; Röntgen.png \r\n2;b.png\r\n;;\r\n".encode(encoding))
    assert names(tmp_path, tmp_path / "list.csv") == ["Röntgen.png", "b.png"]


def test_a_table_of_nothing_but_a_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path\n")
    with pytest.raises(ImageReadError, match="names an image|no row"):
        list(expand([tmp_path / "list.csv"]))


def test_linked_folders_are_walked_and_what_is_passed_over_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1.png").write_bytes(bundles.png(1))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "images" / "round").symlink_to(tmp_path / "images")
    told: list[str] = []
    found = list(expand([tmp_path / "images"], tell=lambda item: told.append(item.rule)))
    assert [Path(item.record_id).name for item in found] == ["1.png"]
    assert told == ["link-cycle"]
