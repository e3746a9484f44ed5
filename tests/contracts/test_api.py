"""The commands, the names of ``covidcxr`` and the table of docs/api.md are the same list."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import typer

import covidcxr
from covidcxr.cli.main import build_app

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
ROWS = re.findall(r"^\| `([^`]+)` \| (.+?) \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
DOCUMENTED = {command: re.findall(r"`([^`]+)`", names) for command, names in ROWS}


def test_the_document_names_every_command_and_no_other() -> None:
    assert sorted(DOCUMENTED) == sorted(typer.main.get_command(build_app()).commands)  # type: ignore[attr-defined]


def test_every_command_has_its_function_and_every_name_its_command() -> None:
    documented = {name for names in DOCUMENTED.values() for name in names}
    assert all(DOCUMENTED.values())
    assert documented == set(covidcxr.__all__) - {"__version__"}


@pytest.mark.parametrize("name", sorted(set(covidcxr.__all__) - {"__version__"}))
def test_every_name_is_a_documented_and_typed_function_or_class(name: str) -> None:
    thing = getattr(covidcxr, name)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())


def test_the_names_do_not_hide_the_packages() -> None:
    import covidcxr.audit
    import covidcxr.explain
    import covidcxr.export

    assert all(inspect.ismodule(package) for package in (covidcxr.audit, covidcxr.explain, covidcxr.export))
    assert covidcxr.audit_network.__module__ == "covidcxr.pipeline.audit"
