from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import bundles
import pytest

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import View
from covidcxr.inference.decoding import Item
from covidcxr.inference.inputs import HeaderFilter, choose, expand, pseudonymise

sys.path.insert(0, str(Path(__file__).parents[1] / "imaging"))
import films


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


def dicom(path: Path, **attributes: object) -> Item:
    path.write_bytes(films.dicom(films.film().astype(int), attributes=attributes))
    return Item(record_id=path.name, source=path)


def test_films_are_chosen_by_their_headers(tmp_path: Path) -> None:
    items = [
        dicom(tmp_path / "pa.dcm", ViewPosition="PA", StudyDate="20200301"),
        dicom(tmp_path / "ap.dcm", ViewPosition="AP", AcquisitionDate="20200401", StudyDate="20200101"),
        dicom(tmp_path / "ct.dcm", Modality="CT", StudyDate="20200501"),
        dicom(tmp_path / "undated.dcm", ViewPosition="PA", StudyDate=""),
    ]
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    items.append(Item(record_id="film.png", source=tmp_path / "film.png"))

    def chosen(**conditions: object) -> list[str]:
        return [item.record_id for item in choose(items, HeaderFilter(**conditions))]  # type: ignore[arg-type]

    assert chosen() == [item.record_id for item in items]
    assert chosen(modalities=frozenset({"CT"})) == ["ct.dcm"]
    assert chosen(views=frozenset({View.PA})) == ["pa.dcm", "undated.dcm"]
    assert chosen(since=date(2020, 4, 1)) == ["ap.dcm", "ct.dcm"]
    assert chosen(since=date(2020, 3, 1), until=date(2020, 4, 1)) == ["pa.dcm", "ap.dcm"]


def test_damaged_headers_pass_no_filter_and_raise_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.dcm"
    path.write_bytes(films.dicom(films.film().astype(int))[:150])
    items = [Item(record_id="broken", source=path), Item(record_id="gone", source=tmp_path / "gone.dcm")]
    assert list(choose(items, HeaderFilter(modalities=frozenset({"DX"})))) == []


def test_pseudonyms_are_stable_keyed_and_tell_nothing() -> None:
    items = [Item(record_id="/archive/DOE^JANE/1.dcm", source=b""), Item(record_id="/archive/ROE/2.dcm", source=b"")]
    first, again, other = (
        [one.record_id for one in pseudonymise(items, key)] for key in (b"k" * 16, b"k" * 16, b"x" * 16)
    )
    assert first == again
    assert not set(first) & set(other)
    assert len(set(first)) == 2
    assert all(len(name) == 20 and int(name, 16) >= 0 for name in first)
