"""Recipes as TOML: the one of a name or in a file, with what a command line changes, read; a resolved one written.

Precedence: default < recipe < ``--set key=value``.
"""

from __future__ import annotations

import copy
import difflib
import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import Recipe

logger = logging.getLogger(__name__)


def recipe_names() -> list[str]:
    """Return the names of the recipes shipped with the package, sorted."""
    folder = resources.files("covidcxr.recipes")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe of that name, or in that TOML file, with ``key=value`` overrides applied.

    A key is dotted (``training.epochs=3``); a value is read as TOML and, where that fails, as a plain string.

    Raises:
        RecipeError: If there is no such recipe, or a key or value in it is unknown or of the wrong type; the
            message names the key and the nearest valid one.
    """
    content, where = _read(name_or_path)
    for override in overrides:
        _apply(content, override)
    return resolve_recipe(content, where=where)


def resolve_recipe(content: Mapping[str, Any], *, where: str) -> Recipe:
    """Return ``content`` as a `Recipe`.

    Raises:
        RecipeError: As `load_recipe`.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_explain(error)}") from None


def stored_recipe(content: Mapping[str, Any], *, where: str) -> Recipe | None:
    """Return the resolved recipe that an artefact carries, also one that another release wrote.

    Keys that this release does not know are left out, and keys that were added since have their defaults. None if there
    is no recipe, or none that can be understood; a warning is logged where something is left out or not understood.
    """
    if not content:
        return None
    kept: dict[str, Any] = copy.deepcopy(dict(content))
    try:
        return Recipe.model_validate(kept)
    except ValidationError as error:
        unknown = [fault["loc"] for fault in error.errors() if fault["type"] == "extra_forbidden"]
    for location in unknown:
        _remove(kept, location)
    try:
        recipe = Recipe.model_validate(kept)
    except ValidationError as error:
        logger.warning("%s: its recipe is not understood (%s); nothing is said of it", where, _explain(error))
        return None
    listing = ", ".join(".".join(map(str, location)) for location in unknown)
    logger.warning("%s: its recipe has keys that this release does not know, left out: %s", where, listing)
    return recipe


def _remove(content: Any, location: tuple[int | str, ...]) -> None:
    for part in location[:-1]:
        content = content[part]
    del content[location[-1]]


def _read(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    text_name = str(name_or_path)
    path = Path(text_name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise RecipeError(
                f"{path}: no such recipe file; expected a TOML file, or one of {', '.join(recipe_names())}"
            )
        source, where = _read_text(path), str(path)
    elif text_name in recipe_names():
        source, where = (
            (resources.files("covidcxr.recipes") / f"{text_name}.toml").read_text(encoding="utf-8"),
            text_name,
        )
    else:
        near = difflib.get_close_matches(text_name, recipe_names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(
            f"unknown recipe {text_name!r}{hint} (known: {', '.join(recipe_names())}; or give a .toml file)"
        )
    try:
        return tomllib.loads(source), where
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {error}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save the file as UTF-8") from None


def _apply(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not separator or not all(parts):
        raise RecipeError(f"--set {override!r}: expected key=value, for example training.epochs=3")
    table = content
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override!r}: {part!r} is a value, not a table")
    table[parts[-1]] = _value(text)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError) -> str:
    sentences = []
    for fault in error.errors():
        location = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = _fields(fault["loc"][:-1])
            near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (known here: {', '.join(known)})"
            sentences.append(f"unknown key {location!r}{hint}")
        elif fault["type"] == "missing":
            sentences.append(f"key {location!r} is missing")
        else:
            sentences.append(f"{location}: {fault['msg']}, found {fault['input']!r}")
    return "; ".join(sentences)


def _fields(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in location:
        if isinstance(part, int):  # a place in a list of tables, whose type was found with the list
            continue
        field = model.model_fields.get(part)
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        found = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if found is None:
            return []
        model = found
    return sorted(model.model_fields)


def recipe_toml(recipe: Recipe) -> str:
    """Return TOML that loads as ``recipe``; what has its default value is left out."""
    content = recipe.model_dump(mode="json", exclude_defaults=True)
    return "\n".join(_table(content, "")).lstrip("\n") + "\n"


def _table(content: Mapping[str, Any], name: str) -> list[str]:
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{name}]"] if name and (plain or not content) else []
    lines += [f"{_key(key)} = {_written(value)}" for key, value in plain.items()]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += _table(value, f"{name}.{_key(key)}" if name else _key(key))
    return lines


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("-", "a").replace("_", "a").isalnum() else json.dumps(key)


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_written(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_written(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)  # JSON's strings, numbers and booleans are TOML's
