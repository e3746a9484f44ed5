"""One file a way of running a network; importing this package imports none of their libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covidcxr.core.registry import Registry

if TYPE_CHECKING:
    from covidcxr.inference.backends.backend import Backend

BACKENDS: Registry[type[Backend]] = Registry("backend", "covidcxr.inference.backends")
