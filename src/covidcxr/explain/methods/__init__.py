"""One file an attribution method; ``METHODS`` names them.

A method takes a network, images and one class an image, and returns one signed map an image. What a map is worth is
not known here.
"""

from __future__ import annotations

from covidcxr.core.registry import Registry
from covidcxr.explain.method import Method

METHODS: Registry[type[Method]] = Registry("explanation method", "covidcxr.explain.methods")
