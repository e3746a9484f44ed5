import pytest

from covidcxr.core.errors import RegistryError
from covidcxr.core.registry import Registry


def empty_registry() -> Registry[type]:
    return Registry("thing", "covidcxr.recipes")  # a package without modules


def test_a_name_registered_twice_is_refused() -> None:
    registry = empty_registry()
    registry.register("a")(int)
    with pytest.raises(RegistryError, match="'a' is registered twice"):
        registry.register("a")(str)


def test_registering_the_same_object_again_is_harmless() -> None:
    registry = empty_registry()
    registry.register("a")(int)
    assert registry.register("a")(int) is int


def test_an_unknown_name_lists_the_known_ones_and_the_nearest() -> None:
    registry = empty_registry()
    registry.register("lateral")(int)
    registry.register("ct")(str)
    with pytest.raises(RegistryError, match=r"unknown thing 'laterl'; did you mean 'lateral'\? \(known: ct, lateral\)"):
        registry.get("laterl")


def test_names_are_sorted() -> None:
    registry = empty_registry()
    registry.register("b")(int)
    registry.register("a")(str)
    assert registry.names() == ["a", "b"]
    assert "a" in registry
    assert "c" not in registry
