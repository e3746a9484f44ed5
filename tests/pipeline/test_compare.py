from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import EvaluationError
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.pipeline.compare import _pair, compare
from study_builders import CLASSES, write_bundle, write_dataset


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles of one network, two datasets, and the comparison of all."""
    root = tmp_path_factory.mktemp("compare")
    manifest = write_dataset(root / "dataset", num_each=5)
    write_dataset(root / "other", name="other", num_each=4, seed=3)
    write_bundle(root / "one", manifest.digest)
    write_bundle(root / "two", manifest.digest, seed=1)
    arguments = ["compare", str(root / "one/bundle"), str(root / "two/bundle"), "--data", str(root / "dataset")]
    assert (
        run_command([*arguments, "--data", str(root / "other"), "--out", str(root / "out"), "--rounds", "40", "-q"])
        == 0
    )
    return root


def test_every_model_stands_on_every_dataset(home: Path) -> None:
    document = json.loads((home / "out" / "report.json").read_text(encoding="utf-8"))
    first, second = document["models"]
    assert first["name"] != second["name"]  # the same recipe twice is told apart by digest
    assert [cohort["name"] for cohort in first["cohorts"]] == ["mini, test", "other, test"]
    assert [cohort["internal"] for cohort in second["cohorts"]] == [True, False]
    assert first["parameters"] == second["parameters"]
    assert first["seconds_per_image"] > 0
    assert first["differences"] == []
    assert [entry["cohort"] for entry in second["differences"]] == ["mini, test", "other, test"]
    for place, entry in enumerate(second["differences"]):
        accuracy = [model["cohorts"][place]["metrics"]["accuracy"]["value"] for model in (first, second)]
        assert entry["metrics"]["accuracy"]["value"] == pytest.approx(accuracy[1] - accuracy[0])


def test_the_page_shows_models_and_differences(home: Path) -> None:
    html = (home / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("Side by side", "Inside and outside", "Differences", "McNemar", "(own)", "Research use only"):
        assert words in html
    for stem in ("models-auroc", "models-accuracy", "models-ece"):
        assert (home / "out" / "figures" / f"{stem}.svg").is_file()


def test_audits_are_drawn_beside_each_other(home: Path) -> None:
    out = home / "audited"
    compare(
        [home / "one/bundle", home / "two/bundle"],
        [home / "dataset"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=20, audit=True),
    )
    assert (out / "figures" / "models-audits.svg").is_file()
    assert "Skill that is left in each audit, model by model" in (out / "report.html").read_text(encoding="utf-8")


def test_one_bundle_is_no_comparison(home: Path) -> None:
    with pytest.raises(EvaluationError, match="found 1 bundles and 1 datasets; expected two bundles"):
        compare([home / "one/bundle"], [home / "dataset"], home / "nothing")
    assert not (home / "nothing").exists()


def cohort(scores: np.ndarray, ids: list[str]) -> Cohort:
    labels = np.arange(len(ids)) % 3
    return Cohort(
        name="c", classes=CLASSES, record_ids=tuple(ids), labels=labels, probabilities=scores, groups=np.array(ids)
    )


def test_a_better_model_differs_in_its_favour_on_the_cases_both_judged() -> None:
    ids = [f"s:{case}" for case in range(60)]
    labels = np.arange(60) % 3
    sure = np.full((60, 3), 0.1)
    sure[np.arange(60), labels] = 0.8
    blind = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    better, worse = cohort(sure, ids), cohort(blind, ids)
    missing = worse.where(np.arange(60) >= 6)
    found = _pair(missing, better, "COVID-19", IntervalSettings(rounds=50))
    assert found.num_cases == 54
    assert found.auroc.value > 0.2
    assert found.auroc.low > 0
    assert found.mcnemar.only_second == 0
    assert found.mcnemar.only_first > 10
    assert (found.metrics["accuracy"].low or 0) > 0
    same = _pair(better, replace(better), "COVID-19", IntervalSettings(rounds=20))
    assert same.auroc.value == 0
    assert same.mcnemar.mid_p_value == 1.0
