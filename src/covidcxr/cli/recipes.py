"""``covidcxr recipes``: the recipes shipped with the package."""

from __future__ import annotations

import typer

from covidcxr.cli.options import JsonOption, RecipeArgument, print_json
from covidcxr.core.recipe_toml import load_recipe, recipe_names


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    group = typer.Typer(help="The recipes shipped with covidcxr.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list", epilog="Example: covidcxr recipes list")(list_recipes)
    group.command("show", epilog="Example: covidcxr recipes show zhong2020")(show_recipe)
    app.add_typer(group, name="recipes")


def list_recipes(as_json: JsonOption = False) -> None:
    """List the recipes with their titles."""
    recipes = [load_recipe(name) for name in recipe_names()]
    if as_json:
        print_json([{"name": r.name, "title": r.title, "network": r.network.name} for r in recipes])
        return
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        typer.echo(f"{recipe.name:<{width}}  {recipe.title} ({recipe.network.name})")


def show_recipe(
    recipe: RecipeArgument,
) -> None:
    """Print a recipe with every default filled in, as JSON."""
    print_json(load_recipe(recipe).model_dump(mode="json"))
