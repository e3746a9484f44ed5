"""Which of a recipe's values a search varies, and between which bounds.

Written as ``KEY=LOW..HIGH``, with ``:log`` where the exponent is what is drawn evenly, or ``KEY=A|B|C``. How a search
goes through the space is not known here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.training.check import check_recipe
from covidcxr.training.idle import idle_keys

DEFAULT_SPACE = (
    "training.optimizer.learning_rate=1e-5..1e-2:log",
    "training.optimizer.weight_decay=1e-6..1e-1:log",
    "training.loss.label_smoothing=0.0..0.2",
)
_FIXED = ("training.seed", "training.validation", "training.validation_fraction")


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One value that is varied.

    Attributes:
        key: Dotted, as in ``--set``.
        low, high: Bounds, both included; both whole numbers draw whole numbers.
        log: Whether the logarithm is what is drawn evenly.
        choices: Where not empty, the values in TOML, and the bounds mean nothing.
    """

    key: str
    low: float | int = 0
    high: float | int = 0
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last value, as a recipe would have them."""
        return (self.choices[0], self.choices[-1]) if self.choices else (repr(self.low), repr(self.high))


def read_space(path: Path) -> tuple[str, ...]:
    """Return the ``KEY=RANGE`` of a TOML file whose dotted keys have ranges as strings.

    Raises:
        RecipeError: If the file cannot be read so.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); expected a TOML file of ranges") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
    for key, value in content.items():
        if not isinstance(value, str):
            raise RecipeError(f'{path}: {key}: found {value!r}, expected a line such as "{DEFAULT_SPACE[0]}" in quotes')
    return tuple(f"{key}={value}" for key, value in content.items())


def parse_axis(text: str) -> Axis:
    """Return one line of a space.

    Raises:
        RecipeError: If it cannot be understood, or its bounds are not in order.
    """
    key, separator, values = (part.strip() for part in text.partition("="))
    wrong = RecipeError(
        f"--search {text!r}: expected KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A|B, for example {DEFAULT_SPACE[0]}"
    )
    if not separator or not key:
        raise wrong
    if "|" in values:
        return Axis(key=key, choices=tuple(part.strip() for part in values.split("|")))
    bounds, _, kind = values.partition(":")
    low_text, dots, high_text = bounds.partition("..")
    try:
        low, high = _number(low_text), _number(high_text)
    except ValueError:
        raise wrong from None
    if not dots or kind not in ("", "log"):
        raise wrong
    if not low < high or (kind and low <= 0):
        above = "; a logarithmic range starts above 0" if kind and low <= 0 else ""
        raise RecipeError(f"--search {text!r}: {low} to {high} is no range{above}")
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Axis(key=key, low=low, high=high, log=bool(kind))


def parse_space(lines: Sequence[str], recipe: str | Path, overrides: Sequence[str]) -> tuple[Axis, ...]:
    """Return the axes of ``lines``, each checked at both ends against the recipe.

    Raises:
        RecipeError: If a line cannot be understood, names a key twice, one that a search must not vary or one that
            does nothing in this recipe, or the recipe, or its network, does not take one of the ends.
        CovidCxrError: Whatever else `check_recipe` finds at an end.
    """
    axes = tuple(parse_axis(line) for line in lines)
    keys = [axis.key for axis in axes]
    for axis in axes:
        if keys.count(axis.key) > 1:
            raise RecipeError(f"--search: {axis.key} is there twice")
        if axis.key.partition(".")[0] not in ("training", "network") or axis.key in _FIXED:
            raise RecipeError(
                f"--search: {axis.key} cannot be searched; all trials share one dataset, one validation part and one "
                "seed: name a key of training or network"
            )
        for end in axis.ends:
            changed = load_recipe(recipe, [*overrides, f"{axis.key}={end}"])
            check_recipe(changed)
            reason = idle_keys(changed).get(axis.key, "")
            if reason and reason not in keys:
                raise RecipeError(
                    f"--search: {axis.key}={end} does nothing in recipe {changed.name} because of {reason}; search "
                    "another key, or change that one with --set"
                )
    return axes


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return float(text)
