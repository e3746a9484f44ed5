"""The sentences that travel with every result, written once."""

from __future__ import annotations

NOTICE = "Research use only, not a diagnosis."
ROW_NOTICE = "research use only, not a diagnosis"  # as a value in tables of predictions
SYNTHETIC_NOTICE = (
    "SYNTHETIC DATA: computed phantoms, not radiographs of people. "
    "Nothing measured on them says anything about patients."
)
