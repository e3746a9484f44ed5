"""The command that plans a validation."""

from __future__ import annotations

import json

import pytest

from covidcxr.cli.main import run_command
from covidcxr.metrics.samplesize import cases_for_auroc, cases_for_sensitivity

PLAN = ["samplesize", "--prevalence", "0.1", "--width", "0.1"]


def test_the_plan_counts_patients_and_images_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sensitivity", "0.9", "--auroc", "0.95", "--images-per-patient", "2", "--correlation", "0.5"]
    assert run_command([*PLAN, *arguments, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["design_effect"] == 1.5
    found, auroc = plan["sizes"]
    assert found["cases"] == cases_for_sensitivity(0.9, prevalence=0.1, width=0.1)
    assert auroc["cases"] == cases_for_auroc(0.95, prevalence=0.1, width=0.1)
    assert found["images"] == pytest.approx(1.5 * found["cases"], abs=1)
    assert found["patients"] == pytest.approx(found["images"] / 2, abs=1)
    assert plan["images"] == max(found["images"], auroc["images"])


def test_the_plan_is_a_table_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*PLAN, "--specificity", "0.8"]) == 0
    out = capsys.readouterr().out
    assert "specificity" in out
    assert "For all of them:" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give one at least of --sensitivity"),
        (["--sensitivity", "90"], "expected value: found 90"),
        (["--auroc", "1"], "--auroc 1.0: expected a value between 0 and 1"),
        (["--auroc", "0.9", "--images-per-patient", "0.5"], "images a patient: found 0.5"),
    ],
)
def test_an_impossible_plan_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*PLAN, *arguments]) == 2
    assert words in capsys.readouterr().err
