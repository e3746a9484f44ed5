from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from covidcxr.curation import image_store
from covidcxr.curation.compile import compile_dataset
from covidcxr.dataset import Dataset
from covidcxr.sources.phantoms import write_phantom_sources
from miniature import Counting, recipe


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms") / "sources"
    return write_phantom_sources(root, num_covid=15, num_normal=8, num_pneumonia=8, size=64)


@pytest.fixture(scope="session")
def compiled(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset that tests only read."""
    return compile_dataset(recipe(), tmp_path_factory.mktemp("compiled") / "data", sources=phantoms, workers=1)


@pytest.fixture
def sources(phantoms: Path, tmp_path: Path) -> Path:
    return shutil.copytree(phantoms, tmp_path / "sources")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counter = Counting()
    monkeypatch.setattr(image_store, "do_image_work", counter)
    return counter
