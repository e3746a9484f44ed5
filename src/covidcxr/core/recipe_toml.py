"""A resolved recipe written back as the TOML file that `covidcxr.core.recipe` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from covidcxr.core.recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """Return TOML that loads as ``recipe``; what has its default value is left out."""
    content = recipe.model_dump(mode="json", exclude_defaults=True)
    return "\n".join(_table(content, "")).lstrip("\n") + "\n"


def _table(content: Mapping[str, Any], name: str) -> list[str]:
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{name}]"] if name and (plain or not content) else []
    lines += [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += _table(value, f"{name}.{_key(key)}" if name else _key(key))
    return lines


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("-", "a").replace("_", "a").isalnum() else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)  # JSON's strings, numbers and booleans are TOML's
