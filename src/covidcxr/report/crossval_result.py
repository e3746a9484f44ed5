"""The results of a cross-validation.

`covidcxr.pipeline.crossval` measures them, `covidcxr.report.crossval` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from covidcxr.core.recipe import Recipe
from covidcxr.core.types import EvaluationReport
from covidcxr.evaluation.folds import By, Fold


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FoldResult:
    """One fold; both reports are None where it is not estimable, ``inside`` also where there is nothing inside."""

    fold: Fold
    outside: EvaluationReport | None = None
    inside: EvaluationReport | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CrossvalResult:
    """All folds, and every held-out case together, each judged by the network that had not seen it.

    Attributes:
        recipe: What was trained.
        by: What was held out.
        folds: One result a fold.
        pooled: The held-out cases of all estimable folds together; None if no fold was.
        target: The class whose detection matters.
        synthetic: Whether the images are phantoms.
        changed: What the folds changed in the recipe; empty if nothing.
    """

    recipe: Recipe
    by: By
    folds: tuple[FoldResult, ...]
    pooled: EvaluationReport | None
    target: str
    synthetic: bool
    changed: str = ""
