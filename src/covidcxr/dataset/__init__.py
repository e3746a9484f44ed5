"""The dataset artefact on disk: read, write, verify; the packed image array that training maps."""

from __future__ import annotations

from covidcxr.dataset.dataset import Dataset, Problem

__all__ = ["Dataset", "Problem"]
