"""What a compiled dataset says of itself: notices, datasheet, page, Croissant, archive."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from covidcxr.curation.compile import compile_dataset
from covidcxr.dataset import Dataset
from miniature import recipe


def test_synthetic_data_are_called_so_in_every_artefact(compiled: Dataset) -> None:
    dataset = compiled
    assert dataset.synthetic
    assert "SYNTHETIC DATA" in (dataset.root / "DATASHEET.md").read_text()
    assert "SYNTHETIC DATA" in json.loads((dataset.root / "dataset.json").read_text())["notice"]
    assert (dataset.root / "SYNTHETIC.txt").is_file()


def test_the_dataset_explains_itself(compiled: Dataset) -> None:
    dataset = compiled
    sheet = (dataset.root / "DATASHEET.md").read_text()
    assert dataset.digest in sheet
    assert "| lateral | 1 |" in sheet
    assert "Figure 1" in sheet
    leaks = json.loads((dataset.root / "leaks.json").read_text())
    assert leaks["num_crossing_groups"] == 0
    assert leaks["sentences"][0] in sheet
    with Image.open(dataset.root / "contact-sheet.png") as picture:
        assert picture.size[0] > 1000


def test_the_page_holds_every_image_and_every_exclusion_and_loads_nothing(compiled: Dataset) -> None:
    dataset = compiled
    page = (dataset.root / "dataset.html").read_text()
    data = json.loads(page.partition('<script id="data" type="application/json">')[2].partition("</script>")[0])
    rows = [dict(zip(data["columns"], values, strict=True)) for values in data["rows"]]
    assert Counter(row["rule"] for row in rows) == Counter(
        {"kept": len(dataset.samples), **Counter(item.rule for item in dataset.manifest.exclusions)}
    )
    assert all(row["thumbnail"] for row in rows if row["rule"] in {"kept", "ct", "lateral"})
    assert "SYNTHETIC DATA" in page
    assert not any(mark in page for mark in ("http://", "https://", 'src="//', "@@"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # rdflib's and pandas' own
def test_croissant_metadata_load_and_iterate_with_images(compiled: Dataset) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="the croissant extra is not installed")
    dataset = compiled
    loaded = mlcroissant.Dataset(jsonld=str(dataset.root / "croissant.json"))
    assert not loaded.metadata.issues.errors
    records = {record["samples/record_id"].decode(): record for record in loaded.records("samples")}
    assert records.keys() == {item.record.record_id for item in dataset.samples}
    for item in dataset.samples:
        record = records[item.record.record_id]
        assert record["samples/label"].decode() == item.label
        with Image.open(dataset.image_path(item)) as image:
            assert record["samples/image"].size == image.size


def test_an_archive_is_named_with_its_date(phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1590000000")
    dataset = compile_dataset(recipe(archive=True), tmp_path / "data", sources=phantoms, workers=1)
    with zipfile.ZipFile(dataset.root / "miniature-2020-05-20.zip") as archive:
        assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == len(dataset.samples)
    again = compile_dataset(recipe(archive=True), tmp_path / "again", sources=phantoms, workers=1)
    first, second = (item.root / "miniature-2020-05-20.zip" for item in (dataset, again))
    assert first.read_bytes() == second.read_bytes()
    assert dataset.verify() == ()


def test_a_title_is_text_in_datasheet_and_page(phantoms: Path, tmp_path: Path) -> None:
    title = "Ours @@DATA@@ <script>alert(1)</script>\n# Forged"
    asked = recipe().model_copy(update={"title": title, "notes": ("<img src=x onerror=alert(1)>",)})
    root = compile_dataset(asked, tmp_path / "data", sources=phantoms, workers=1).root
    sheet = (root / "DATASHEET.md").read_text(encoding="utf-8")
    assert "<script" not in sheet
    assert "<img" not in sheet
    assert "\n# Forged" not in sheet
    page = (root / "dataset.html").read_text(encoding="utf-8")
    assert "Ours @@DATA@@ &lt;script&gt;" in page
    assert page.count('"columns":') == 1
