from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from covidcxr.cli.main import run_command
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.explain.rows import Row
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.pipeline.explanations import chosen_cases, map_shares, outside_by_class
from study_builders import CLASSES, write_bundle, write_dataset


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    write_bundle(root, write_dataset(root / "dataset").digest, size=160)  # at 96 its last map is a single cell
    return root


def _cohort(labels: list[int], groups: list[str]) -> Cohort:
    return Cohort(
        name="films",
        classes=CLASSES,
        record_ids=tuple(f"home:{number}" for number in range(len(labels))),
        labels=np.array(labels),
        probabilities=np.full((len(labels), 3), 1 / 3),
        groups=np.array(groups),
    )


def test_films_are_chosen_from_the_classes_in_turn_and_each_patient_once_before_any_twice() -> None:
    cohort = _cohort([0] * 4 + [1] * 40 + [2] * 40, ["one"] * 3 + ["two"] + [f"p{number // 2}" for number in range(80)])
    chosen = chosen_cases(cohort, 12)
    assert Counter(cohort.labels[chosen].tolist()) == {0: 4, 1: 4, 2: 4}
    few = chosen_cases(cohort, 6)
    assert set(cohort.groups[few][cohort.labels[few] == 0]) == {"one", "two"}
    assert Counter(cohort.groups[chosen_cases(cohort, 40)].tolist()).most_common(2)[1][1] == 1
    assert chosen_cases(cohort, 12) == chosen
    assert chosen_cases(cohort, 1000) == list(range(84))


def _row(target: str, fraction: float | None, *reasons: str) -> Row:
    status: Literal["ok", "failed"] = "failed" if reasons else "ok"
    return Row(input="film", status=status, method="grad-cam", target=target, lung_fraction=fraction, reasons=reasons)


def test_maps_outside_the_lungs_are_counted_by_the_class_called_where_there_are_lungs_and_heat() -> None:
    rows = [_row("COVID-19", 0.1, "outside-lungs: 10%", "unstable: 0.1")] * 3 + [
        *[_row("COVID-19", 0.9)] * 4,
        _row("COVID-19", 0.9, "unstable: 0.1"),
        _row("COVID-19", None, "no-lungs: presence 0.1"),
        _row("Normal", 0.8),
    ]
    found = outside_by_class(rows, ["a", "a", "a", *"bcdefgh"])
    assert set(found) == {"heat_map_outside/COVID-19", "heat_map_outside/Normal"}
    metric = found["heat_map_outside/COVID-19"]
    assert (metric.value, metric.num_cases) == (pytest.approx(3 / 8), 8)
    apart = outside_by_class(rows, list("abcdefghij"))["heat_map_outside/COVID-19"]
    assert metric.low is not None
    assert apart.low is not None
    assert apart.high is not None
    assert metric.high is not None
    assert metric.high - metric.low > apart.high - apart.low  # images of one patient tell less than of as many


def test_shares_that_every_round_repeats_are_no_certainty() -> None:
    rows = [_row("COVID-19", 0.1, "outside-lungs: 10%")] * 12
    found = map_shares(rows, list("aabbccddeeff"))["heat_map_failed"]
    assert (found.value, found.high, found.num_cases) == (1.0, 1.0, 12)
    # Wilson's of 6 patients of 6, with Student's quantile of 5 degrees of freedom.
    assert found.low == pytest.approx(6 / (6 + 2.5706**2), abs=1e-4)
    mixed = map_shares([*rows, _row("COVID-19", 0.9)], list("aabbccddeeffg"))["heat_map_failed"]
    assert mixed.low is not None
    assert 0.0 < mixed.low < mixed.value < 1.0  # type: ignore[operator]


def test_the_report_says_where_the_network_looked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = home / "report"
    command = ["evaluate", str(home / "bundle"), str(home / "dataset"), "--out", str(out), "--rounds", "20"]
    assert run_command(command) == 0
    assert "Heat maps (grad-cam) of 18 of 18 images" in capsys.readouterr().out
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    found = document["explanations"]["mini, test"]
    assert (found["method"], found["overall"]["num_films"], found["num_images"]) == ("grad-cam", 18, 18)
    assert sum(summary["num_films"] for summary in found["classes"].values()) == 18
    metric = document["cohorts"][0]["metrics"]["heat_map_failed"]
    assert metric["value"] == pytest.approx(found["overall"]["num_failed"] / 18)
    called = {label: summary for label, summary in found["classes"].items() if summary["num_with_lungs"]}
    shares = {name for name in document["cohorts"][0]["metrics"] if name.startswith("heat_map_outside/")}
    assert shares == {f"heat_map_outside/{label}" for label in called}
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Where the network looked" in html
    assert "The same image under its heat map" in html


def test_without_explanations_the_report_has_none(home: Path, tmp_path: Path) -> None:
    evaluate(
        home / "bundle", [home / "dataset"], tmp_path / "report", settings=EvaluationSettings(rounds=20, explain=False)
    )
    document = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert document["explanations"] == {}
    assert "heat_map_failed" not in document["cohorts"][0]["metrics"]
    assert "Where the network looked" not in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_a_network_without_a_map_is_evaluated_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_bundle(tmp_path, write_dataset(tmp_path / "dataset", num_each=3).digest)
    command = ["evaluate", str(bundle), str(tmp_path / "dataset"), "--out", str(tmp_path / "report"), "--rounds", "20"]
    assert run_command(command) == 0
    assert "No heat maps: Haghanifar2020 has no spatial feature map" in capsys.readouterr().out
    assert "has no spatial feature map" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
