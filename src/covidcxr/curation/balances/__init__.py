"""Ways to leave images out so that classes or patients weigh alike, one file each; a recipe names them in order."""

from __future__ import annotations

from covidcxr.core.registry import Registry
from covidcxr.curation.balances.balance import Balance, Placed

BALANCES: Registry[Balance] = Registry("balance", "covidcxr.curation.balances")

__all__ = ["BALANCES", "Balance", "Placed"]
