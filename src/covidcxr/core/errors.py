"""Every error covidcxr raises on purpose, as one tree.

    CovidCxrError                      the input's or the caller's fault: exit code 2
    ├── RecipeError                    a recipe or a --set that cannot be understood
    ├── SourceError                    a public source's folder, metadata or download
    ├── ImageReadError                 a file that is no readable image
    │   └── ImageTooLargeError         an image that would need too much memory
    ├── ArchiveError                   a DICOMweb archive that does not answer, or not to us
    ├── TableError                     a table of paths, labels or predictions that cannot be read as one
    ├── DatasetError                   a compiled dataset that is missing, partial or altered
    │   ├── EmptyDatasetError          a dataset, or one of its classes, that no image is left of
    │   └── SplitError                 a patient or a duplicate in two splits
    ├── BundleError                    a model bundle that is missing, partial or altered
    ├── TrainingError                  a training that cannot start or go on
    │   └── DivergedError              a loss that stopped being a number
    ├── ExplainError                   a network, class or image that cannot be explained as asked
    ├── EvaluationError                predictions that cannot be evaluated
    ├── RegistryError                  an unknown or doubly registered name
    ├── OutputError                    a place that cannot be written
    └── MissingExtraError              an optional dependency that is not installed

A message says what was found, what was expected, which file or record, and what to do next.
Anything else that escapes is our own fault and exits with code 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covidcxr.core.types import Exclusion


class CovidCxrError(Exception):
    """Base of every error that covidcxr raises on purpose."""


class RecipeError(CovidCxrError):
    """A recipe, or a ``--set key=value``, that cannot be understood."""


class SourceError(CovidCxrError):
    """A public source whose folder, metadata or download is not as its release documents."""


class ImageReadError(CovidCxrError):
    """A file that is not a readable image; ``reason`` is a short stable name such as ``truncated``."""

    def __init__(self, message: str, *, reason: str = "undecodable") -> None:
        super().__init__(message)
        self.reason = reason


class ImageTooLargeError(ImageReadError):
    """An image whose pixels would need more memory than the reader allows."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="too-large")


class ArchiveError(CovidCxrError):
    """A DICOMweb archive that does not answer, does not answer us, or is none."""


class TableError(CovidCxrError):
    """A table of paths, labels or predictions that cannot be read as one."""


class DatasetError(CovidCxrError):
    """A dataset folder that is missing, partial, altered or of another layout."""


class EmptyDatasetError(DatasetError):
    """A dataset, or one of its classes, that no image is left of; ``left_out`` is everything with its reason."""

    def __init__(self, message: str, *, left_out: Sequence[Exclusion]) -> None:
        super().__init__(message)
        self.left_out = tuple(left_out)


class SplitError(DatasetError):
    """A patient, or a group of near-duplicates, in more than one split."""


class BundleError(CovidCxrError):
    """A model bundle that is missing, partial, altered or written by an unknown release."""


class TrainingError(CovidCxrError):
    """A training that cannot start or cannot go on."""


class DivergedError(TrainingError):
    """A training whose loss stopped being a number."""


class ExplainError(CovidCxrError):
    """A network, class or image that cannot be explained in the way that was asked for."""


class EvaluationError(CovidCxrError):
    """Predictions that do not fit the cohort they are evaluated on."""


class RegistryError(CovidCxrError):
    """A name that no registry entry has, or that two entries claim."""


class OutputError(CovidCxrError):
    """A place that cannot be written: read-only, full, or occupied by something else."""


class MissingExtraError(CovidCxrError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed; run: pip install 'covidcxr[{extra}]'")
