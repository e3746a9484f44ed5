"""A dataset in other tools' formats, one file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from covidcxr.core.progress import Progress
from covidcxr.core.registry import Registry

if TYPE_CHECKING:
    from covidcxr.dataset.dataset import Dataset

Export = Callable[["Dataset", Path, Progress], None]
"""Writes a dataset to a place, whole or not at all; raises OutputError if the place cannot be written."""

EXPORTS: Registry[Export] = Registry("export format", "covidcxr.dataset.exports")
