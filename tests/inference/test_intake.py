from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

import bundles
import films
import hostile
from covidcxr.core.types import View
from covidcxr.imaging.dicom import deflated as dicom_deflated
from covidcxr.imaging.dicom.facts import read_facts
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import RemoteFilm
from covidcxr.inference.intake import HeaderFilter, Intake, Naming

KEY = b"k" * 32


def dicom(path: Path, **attributes: object) -> Item:
    path.write_bytes(films.dicom(films.film().astype(int), attributes=attributes))
    return Item(record_id=str(path), source=path)


def named(*items: Item, **naming: object) -> list[Item]:
    return list(Intake(naming=Naming(**naming)).take(items))  # type: ignore[arg-type]


def test_films_are_chosen_by_their_headers_and_counted(tmp_path: Path) -> None:
    items = [
        dicom(tmp_path / "pa.dcm", ViewPosition="PA", StudyDate="20200301"),
        dicom(tmp_path / "ap.dcm", ViewPosition="AP", AcquisitionDate="20200401", StudyDate="20200101"),
        dicom(tmp_path / "ct.dcm", Modality="CT", StudyDate="20200501"),
        dicom(tmp_path / "undated.dcm", ViewPosition="PA", StudyDate=""),
    ]
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    items.append(Item(record_id="film.png", source=tmp_path / "film.png"))

    def chosen(**conditions: object) -> list[str]:
        intake = Intake(wanted=HeaderFilter(**conditions))  # type: ignore[arg-type]
        found = [Path(item.record_id).name for item in intake.take(items)]
        assert (intake.num_inputs, intake.num_taken) == (5, len(found))
        assert intake.num_left_out == 5 - len(found)
        return found

    assert chosen() == [Path(item.record_id).name for item in items]
    assert chosen(modalities=frozenset({"CT"})) == ["ct.dcm"]
    assert chosen(views=frozenset({View.PA})) == ["pa.dcm", "undated.dcm"]
    assert chosen(since=date(2020, 4, 1)) == ["ap.dcm", "ct.dcm"]
    assert chosen(since=date(2020, 3, 1), until=date(2020, 4, 1)) == ["pa.dcm", "ap.dcm"]


def test_damaged_headers_pass_no_filter_and_raise_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.dcm"
    path.write_bytes(films.dicom(films.film().astype(int))[:150])
    items = [Item(record_id="broken", source=path), Item(record_id="gone", source=tmp_path / "gone.dcm")]
    intake = Intake(wanted=HeaderFilter(modalities=frozenset({"DX"})))
    assert list(intake.take(items)) == []
    assert intake.num_left_out == 2


def test_one_film_has_one_pseudonym_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "DOE_JANE").mkdir()
    one = dicom(tmp_path / "DOE_JANE" / "1.dcm", SOPInstanceUID="1.2.3")
    copy = dicom(tmp_path / "copy.dcm", SOPInstanceUID="1.2.3")
    other = dicom(tmp_path / "other.dcm", SOPInstanceUID="1.2.4")
    remote = RemoteFilm(root="http://x", study="1", series="2", instance="1.2.3", patient_id="SECRET-17")
    found = named(one, copy, other, Item(record_id="url", source=remote), key=KEY)
    first, second, third, fourth = (item.record_id for item in found)
    assert first == second == fourth != third
    assert len(first) == 20
    assert int(first, 16) >= 0
    assert len({item.patient for item in found}) == 1
    assert "SECRET-17" not in repr([(item.record_id, item.patient) for item in found])
    assert found[0].name == str(tmp_path / "DOE_JANE" / "1.dcm")
    assert named(one, key=KEY)[0] == found[0]
    assert named(one, key=b"x" * 32)[0].record_id != first


def test_a_file_is_named_by_where_it_lies_not_by_how_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    monkeypatch.chdir(tmp_path)
    typed = [tmp_path / "film.png", Path("film.png"), tmp_path / ".." / tmp_path.name / "film.png"]
    found = named(*(Item(record_id=str(path), source=path) for path in typed), key=KEY)
    assert len({item.record_id for item in found}) == 1
    assert found[0].patient == ""


def test_without_a_key_names_stay_and_patients_are_told_only_on_request(tmp_path: Path) -> None:
    film = dicom(tmp_path / "film.dcm")
    assert named(film) == [film]
    assert named(film, key=KEY, only_remote=True) == [film]
    (told,) = named(film, with_patients=True)
    assert (told.record_id, told.patient) == (film.record_id, "SECRET-17")


def test_frames_become_inputs_of_their_own_on_request(tmp_path: Path) -> None:
    path = tmp_path / "three.dcm"
    path.write_bytes(films.dicom(np.stack([films.film().astype(int)] * 3), attributes={"NumberOfFrames": 3}))
    item = Item(record_id="three.dcm", source=path)
    assert list(Intake().take([item])) == [item]
    intake = Intake(frames="split")
    parts = list(intake.take([item, dicom(tmp_path / "one.dcm")]))
    assert [(part.record_id, part.frame) for part in parts[:3]] == [(f"three.dcm#{n}", n - 1) for n in (1, 2, 3)]
    assert parts[3].frame is None
    assert (intake.num_inputs, intake.num_taken) == (2, 4)
    hidden = list(Intake(frames="split", naming=Naming(key=KEY)).take([item]))
    assert [part.record_id[-2:] for part in hidden] == ["#1", "#2", "#3"]
    assert hidden[1].name == "three.dcm#2"


def test_a_header_that_lies_about_its_frames_makes_no_million_rows(tmp_path: Path) -> None:
    path = tmp_path / "many.dcm"
    path.write_bytes(films.dicom(np.stack([films.film().astype(int)] * 2), attributes={"NumberOfFrames": 2_000_000}))
    assert len(list(Intake(frames="split").take([Item(record_id="x", source=path)]))) == 1


def test_headers_of_hostile_files_raise_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hostile"
    for _, data in (one for make in hostile.FAMILIES.values() for one in make()):
        path.write_bytes(data)
        read_facts(path)
    deflated = films.dicom(films.film().astype(int), syntax=films.NATIVE["deflated"])
    path.write_bytes(deflated)
    assert read_facts(path).patient_id == "SECRET-17"  # type: ignore[union-attr]
    monkeypatch.setattr(dicom_deflated, "_MAX_INFLATED_BYTES", 100)
    assert read_facts(path) is None
