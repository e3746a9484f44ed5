"""Exclusion rules, one file each; a recipe names the ones it wants, in order."""

from __future__ import annotations

from covidcxr.core.registry import Registry
from covidcxr.curation.rules.rule import Rule

RULES: Registry[type[Rule]] = Registry("rule", "covidcxr.curation.rules")

__all__ = ["RULES", "Rule"]
