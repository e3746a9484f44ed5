from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes tells how busy the machine is, not whether the code is right.
settings.register_profile("covidcxr", deadline=None)
settings.load_profile("covidcxr")


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests cache, and their keys, out of the user's own folders, which may be read-only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COVIDCXR_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield
