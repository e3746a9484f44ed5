"""docs/architecture.md and the contracts of pyproject.toml say the same, and both know every package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import covidcxr

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="an installed package has no docs/")


def packages() -> set[str]:
    home = Path(covidcxr.__file__).parent
    return {path.parent.name for path in home.glob("*/__init__.py")} - {"recipes"}


def contract_layers() -> list[list[str]]:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip().removeprefix("covidcxr.") for name in layer.split("|")] for layer in layers]


def page_layers() -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(cli\n.*?)```", text, re.DOTALL)
    return [[name.strip() for name in line.split("|")] for line in block.strip().splitlines()]


def test_the_page_draws_the_layers_that_are_checked() -> None:
    assert page_layers() == contract_layers()


def test_every_package_has_a_layer_and_a_row_of_the_table() -> None:
    assert {name for layer in contract_layers() for name in layer} == packages()
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(packages())


def test_every_registry_and_folder_that_the_page_names_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    home = Path(covidcxr.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in home.rglob("*.py"))
    for name in re.findall(r"`([A-Z_]{5,})`", text):
        assert re.search(rf"^{name}: Registry", source, re.MULTILINE), name
    for folder in re.findall(r"`([a-z_/]+)/<name>\.(?:py|toml)`", text):
        assert (home / folder).is_dir(), folder
