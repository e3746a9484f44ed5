from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

from covidcxr.sources import SOURCES
from covidcxr.sources.lookup import locate_sources, read_source
from source_trees import touch, write_table

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-source.md"


def test_the_example_of_the_guide_is_a_working_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SOURCES.names()
    monkeypatch.setattr(SOURCES, "_entries", dict(SOURCES._entries))
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0]
    exec(compile(code, "my_hospital.py", "exec"), types.ModuleType("my_hospital").__dict__)  # noqa: S102
    rows = [
        {"file": "1.png", "patient": "7", "diagnosis": "covid-19", "projection": "AP", "age": "mid 50s"},
        {"file": "gone.png", "patient": "8", "diagnosis": "normal"},
    ]
    write_table(tmp_path / "my-hospital/films.csv", "file,patient,diagnosis,projection,age", rows)
    touch(tmp_path / "my-hospital", "png/1.png", "png/extra.png")
    assert "my-hospital" in locate_sources(tmp_path)
    listing = read_source("my-hospital", tmp_path)
    assert [(record.record_id, record.label, record.age_years) for record in listing.records] == [
        ("my-hospital:1.png", "COVID-19", 55.0)
    ]
    assert sorted(problem.rule for problem in listing.problems) == ["no-file", "no-metadata"]
