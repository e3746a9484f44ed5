"""Ways to divide a dataset into splits, one file each; a recipe names one."""

from __future__ import annotations

from covidcxr.core.registry import Registry
from covidcxr.curation.splits.strategy import SplitPlan, SplitStrategy, check_disjoint

SPLIT_STRATEGIES: Registry[SplitStrategy] = Registry("split strategy", "covidcxr.curation.splits")

__all__ = ["SPLIT_STRATEGIES", "SplitPlan", "SplitStrategy", "check_disjoint"]
