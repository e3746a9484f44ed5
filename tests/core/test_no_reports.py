"""No library that covidcxr uses tells its maker of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import covidcxr
from covidcxr.core.no_reports import forbid_reports

IMPORT = re.compile(
    r"^ +(?:import (?:openvino|onnxruntime|ray)\b|from (?:openvino|mlflow)\b|ray: Any = importlib)", re.MULTILINE
)
TYPES = re.compile(r"^if TYPE_CHECKING:\n(?: +.*\n)+", re.MULTILINE)


def test_every_import_of_a_library_that_reports_comes_after_the_prohibition() -> None:
    package = Path(covidcxr.__file__).parent
    found = 0
    for path in package.rglob("*.py"):
        text = TYPES.sub("", path.read_text(encoding="utf-8"))
        if place := IMPORT.search(text):
            found += 1
            assert "forbid_reports()" in text[: place.start()], path
    assert found >= 7


def test_openvino_does_not_load_what_it_reports_with() -> None:
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    script = """
from covidcxr.core.no_reports import forbid_reports
forbid_reports()
from openvino.tools import ovc
print(type(ovc.telemetry).__module__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub"]


def test_what_the_caller_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setenv("DO_NOT_TRACK", "")
    monkeypatch.delenv("DO_NOT_TRACK")  # set first, so that it is put back
    forbid_reports()
    assert (os.environ["RAY_USAGE_STATS_ENABLED"], os.environ["DO_NOT_TRACK"]) == ("1", "true")
