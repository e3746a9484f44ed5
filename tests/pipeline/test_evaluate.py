from __future__ import annotations

import csv
import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from covidcxr.audit.run import run_audits
from covidcxr.cli.main import run_command
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import BundleError, DatasetError, OutputError
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.pipeline.evaluate import evaluate
from study_builders import CLASSES, write_bundle, write_class_folders, write_dataset


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/, bundle/ trained on it, external/ with two classes, and report/ on both."""
    root = tmp_path_factory.mktemp("home")
    manifest = write_dataset(root / "dataset")
    write_bundle(root, manifest.digest)
    write_class_folders(root / "external", {"covid": 5, "no finding": 6})
    evaluate(
        root / "bundle", [root / "external", root / "dataset"], root / "report", cache=root / "cache", command="it"
    )
    return root


def document(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_the_report_folder_is_whole(home: Path) -> None:
    names = {path.name for path in (home / "report").iterdir()}
    assert names == {"report.html", "report.json", "predictions.csv", "figures", "evidence"}
    figures = {path.name for path in (home / "report" / "figures").iterdir()}
    for stem in ("confusion-published", "accuracy-and-loss", "true-class-probability", "reliability", "roc-pr-1"):
        assert {f"{stem}.svg", f"{stem}.png"} <= figures
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_the_dataset_it_was_trained_on_leads_and_the_other_is_external(home: Path) -> None:
    cohorts = document(home / "report")["cohorts"]
    assert [cohort["name"] for cohort in cohorts] == ["mini, test", "external, test"]
    assert [cohort["num_images"] for cohort in cohorts] == [18, 11]
    assert cohorts[0]["num_patients"] == 9
    assert cohorts[1]["metrics"]["sensitivity/Pneumonia"]["value"] is None


def test_predictions_hold_every_case_and_agree_with_the_confusion_matrix(home: Path) -> None:
    with (home / "report" / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["cohort"] == "mini, test"]
    assert len(rows) == 18
    confusion = document(home / "report")["cohorts"][0]["confusion"]
    assert sum(int(row["correct"]) for row in rows) == sum(confusion[i][i] for i in range(3))
    for row in rows:
        assert sum(float(row[f"probability/{label}"]) for label in CLASSES) == pytest.approx(1, abs=1e-5)


def test_the_verdict_names_what_the_manifest_shows(home: Path) -> None:
    found = document(home / "report")
    assert found["verdict"]["value"] == "not believable"
    rules = {finding["rule"] for finding in found["findings"]}
    assert {"test-seen", "no-audit"} <= rules
    text = " ".join(found["verdict"]["reasons"])
    assert "No shortcut audit was made" in text
    assert "could not be estimated" not in text
    assert "Age separates the classes" in text
    html = (home / "report" / "report.html").read_text(encoding="utf-8")
    assert "Beside Zhong 2020" in html
    assert "Inside and outside" in html
    assert "0.8730" in html
    assert "epoch 2, whose weights were kept" in html


def test_nuisance_is_measured_on_every_cohort(home: Path) -> None:
    nuisance = document(home / "report")["nuisance"]
    assert set(nuisance) == {"mini, test", "external, test"}
    planted = nuisance["mini, test"]["metrics"]["auroc/COVID-19"]
    assert planted["value"] > 0.95  # the miniature's classes differ in brightness


def test_the_same_inputs_are_not_evaluated_twice(home: Path) -> None:
    before = (home / "report" / "report.json").stat().st_mtime_ns
    again = evaluate(home / "bundle", [home / "external", home / "dataset"], home / "report", cache=home / "cache")
    assert (home / "report" / "report.json").stat().st_mtime_ns == before
    assert [report.cohort for report in again] == ["mini, test", "external, test"]
    assert again[0].metrics["accuracy"].low is not None
    assert again[0].confusion.sum() == 18


def test_other_settings_are_evaluated_anew(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    first = evaluate(
        home / "bundle",
        [home / "dataset"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=20, pictures=False),
    )
    second = evaluate(
        home / "bundle",
        [home / "dataset"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=40, pictures=False),
    )
    assert document(out)["settings"]["rounds"] == 40
    assert first[0].metrics["accuracy"].value == second[0].metrics["accuracy"].value
    assert "The surest mistakes" not in (out / "report.html").read_text(encoding="utf-8")


def test_the_command_prints_the_promised_document(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "report"
    arguments = [
        "evaluate",
        str(home / "bundle"),
        str(home / "external"),
        "--out",
        str(out),
        "--rounds",
        "20",
        "--json",
    ]
    assert run_command(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"classes", "cohorts", "verdict", "report"} <= set(printed)
    assert printed["classes"] == list(CLASSES)
    assert {"value", "low", "high"} <= set(printed["cohorts"][0]["metrics"]["accuracy"])
    assert Path(printed["report"]).is_file()


@pytest.fixture(scope="module")
def outside(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a bundle with prediction sets on three datasets, for a place where 2 % have COVID-19."""
    root = tmp_path_factory.mktemp("outside")
    manifest = write_dataset(root / "dataset")
    sets = {"0.90": dict.fromkeys(CLASSES, 0.66)}
    bundle = write_bundle(root, manifest.digest, conformal=sets)
    write_dataset(root / "other", name="other", num_each=4, seed=3, mixed=True)
    datasets = [str(root / "dataset"), str(root / "other"), str(home / "external")]
    command = ["evaluate", str(bundle), *datasets, "--out", str(root / "report"), "--rounds", "40", "--quiet"]
    assert run_command([*command, "--intervals", "bca", "--prevalence", "covid19=0.02"]) == 0
    return root / "report"


def test_a_named_prevalence_is_in_the_tables_under_the_bundles_name_of_the_class(outside: Path) -> None:
    found = document(outside)
    assert found["settings"]["prevalence"] == {"COVID-19": 0.02}
    assert found["settings"]["intervals"] == "bca"
    assert "npv_at/COVID-19" in found["cohorts"][0]["metrics"]
    html = (outside / "report.html").read_text(encoding="utf-8")
    assert "in 2 % of the people" in html
    assert "are for a place where 2 % have COVID-19" in html
    assert "2 % of them COVID-19" in html
    assert "bias-corrected and accelerated" in html


def test_the_gap_to_every_other_cohort_has_an_interval(outside: Path) -> None:
    found = document(outside)
    assert [gap["cohort"] for gap in found["gaps"]] == ["other, test", "external, test"]
    inside, other = (cohort["metrics"]["auroc/COVID-19"] for cohort in found["cohorts"][:2])
    assert found["gaps"][0]["value"] == pytest.approx(other["value"] - inside["value"])
    assert found["gaps"][0]["low"] < found["gaps"][0]["value"] < found["gaps"][0]["high"]
    assert "95 % confidence interval of the change" in (outside / "report.html").read_text(encoding="utf-8")


def test_the_sets_that_the_bundle_gives_are_measured_on_every_cohort_and_class(outside: Path) -> None:
    found = document(outside)["prediction_sets"]
    assert [entry["cohort"] for entry in found] == ["mini, test", "other, test", "external, test"]
    assert set(found[2]["parts"]) == {"all", "COVID-19", "Normal"}
    everything = found[0]["parts"]["all"]
    assert everything["num_cases"] == 18
    assert 0 <= everything["low"] <= everything["coverage"] <= everything["high"] <= 1
    assert "True class in the set" in (outside / "report.html").read_text(encoding="utf-8")


def test_every_cohort_has_its_reliability_diagram(outside: Path) -> None:
    assert (outside / "figures" / "reliability-2.svg").is_file()


def test_a_prevalence_of_an_unknown_class_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(home / "bundle"), str(home / "external"), "--out", str(tmp_path / "report")]
    assert run_command([*command, "--prevalence", "flu=0.02"]) == 2
    assert "--prevalence flu=0.02: 'flu' is none of the bundle's classes" in capsys.readouterr().err


def test_the_published_numbers_are_printed_beside_ours(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    datasets = [str(home / "external"), str(home / "dataset")]
    arguments = ["evaluate", str(home / "bundle"), *datasets, "--out", str(home / "report")]
    assert run_command([*arguments, "--rounds", "20"]) == 0
    printed = capsys.readouterr().out
    assert "Published (zhong2020), and ours beside it" in printed
    assert "0.873" in printed
    assert run_command([*arguments, "--rounds", "20", "--json"]) == 0
    published = json.loads(capsys.readouterr().out)["published"]
    assert published["values"][5]["published"] == 0.873
    assert published["values"][5]["ours"] == document(home / "report")["cohorts"][0]["metrics"]["accuracy"]["value"]


def test_synthetic_data_are_announced(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "dataset", num_each=3, synthetic=True)
    bundle = write_bundle(tmp_path, manifest.digest, synthetic=True)
    evaluate(
        bundle,
        [tmp_path / "dataset"],
        tmp_path / "report",
        cache=tmp_path / "cache",
        settings=EvaluationSettings(rounds=10),
    )
    assert document(tmp_path / "report")["synthetic"] is True
    assert "SYNTHETIC DATA: computed phantoms" in (tmp_path / "report" / "report.html").read_text()


def test_a_class_the_bundle_does_not_know_is_refused_or_mapped(home: Path, tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "ward", {"COVID-19": 3, "Viral Pneumonia": 3})
    flu = write_class_folders(tmp_path / "flu", {"Flu": 2})
    with pytest.raises(DatasetError, match="'Flu' is none of COVID-19, Normal, Pneumonia; rename it, or say which"):
        evaluate(home / "bundle", [flu], tmp_path / "report", settings=EvaluationSettings(rounds=10))
    with pytest.raises(DatasetError, match="'Flu' is none of the classes, COVID-19"):
        evaluate(
            home / "bundle",
            [folder],
            tmp_path / "report",
            settings=EvaluationSettings(rounds=10, class_map={"Viral Pneumonia": "Flu"}),
        )
    assert not (tmp_path / "report").exists()
    reports = evaluate(
        home / "bundle",
        [folder],
        tmp_path / "report",
        settings=EvaluationSettings(rounds=10, class_map={"viral pneumonia": "Pneumonia"}),
    )
    assert reports[0].confusion.sum(axis=1).tolist() == [3, 0, 3]
    assert "Names of classes: 'Viral Pneumonia' taken as Pneumonia." in reports[0].notes


def test_an_unreadable_image_is_left_out_by_name(home: Path, tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "ward", {"COVID-19": 4, "Normal": 4})
    (folder / "Normal" / "0.png").write_bytes(b"not an image")
    reports = evaluate(home / "bundle", [folder], tmp_path / "report", settings=EvaluationSettings(rounds=10))
    assert reports[0].num_images == 7
    assert any("1 of 8 images could not be judged" in note for note in reports[0].notes)


def test_a_tampered_bundle_is_refused(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "dataset", num_each=2)
    bundle = write_bundle(tmp_path, manifest.digest)
    weights = bundle / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"evil")
    with pytest.raises(BundleError, match="altered"):
        evaluate(bundle, [tmp_path / "dataset"], tmp_path / "report", settings=EvaluationSettings(rounds=10))


def test_a_file_in_the_place_of_the_report_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        evaluate(
            home / "bundle",
            [home / "dataset"],
            tmp_path / "report",
            cache=home / "cache",
            settings=EvaluationSettings(rounds=10),
        )
    assert (tmp_path / "report").read_text() == "mine"


def test_an_external_copy_of_training_images_is_noted(home: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies" / "COVID-19"
    copies.mkdir(parents=True)
    for path in sorted((home / "dataset" / "images" / "train" / "COVID-19").iterdir())[:3]:
        (copies / path.name).write_bytes(path.read_bytes())
    reports = evaluate(
        home / "bundle",
        [home / "dataset", tmp_path / "copies"],
        tmp_path / "report",
        cache=home / "cache",
        settings=EvaluationSettings(rounds=10),
    )
    assert any("3 of its files are byte for byte in the training images" in note for note in reports[1].notes)


def test_a_copy_of_the_own_test_images_is_no_external_cohort(home: Path, tmp_path: Path) -> None:
    for label in CLASSES:
        folder = tmp_path / "copies" / label
        folder.mkdir(parents=True)
        for path in sorted((home / "dataset" / "images" / "test" / label).iterdir()):
            (folder / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "report"
    evaluate(
        home / "bundle",
        [home / "dataset", tmp_path / "copies"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=10),
    )
    found = document(out)
    assert found["datasets"][1]["copied_from_own_dataset"] == 18
    findings = {finding["rule"]: finding for finding in found["findings"]}
    assert "18 of its 18 files are in the network's own dataset" in findings["leak"]["sentence"]
    assert findings["age"]["weight"] == findings["source"]["weight"] == "against"
    assert "no-external" in findings
    assert "33" in found["evidence"][0]["open"]


def test_a_compiled_copy_is_found_by_what_the_dataset_stores_and_by_its_sources_files(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "dataset", num_each=2)
    image = tmp_path / "dataset" / manifest.samples[0].image
    opened = Dataset.open(tmp_path / "dataset")
    other = replace(opened.samples[0], sha256="f" * 64)
    assert opened.digests_of(other) == {"f" * 64, file_sha256(image)}


def test_the_training_images_are_no_test(home: Path, tmp_path: Path) -> None:
    evaluate(
        home / "bundle",
        [home / "dataset"],
        tmp_path / "report",
        cache=home / "cache",
        settings=EvaluationSettings(split="train", rounds=10),
    )
    found = document(tmp_path / "report")
    sentences = {finding["rule"]: finding["sentence"] for finding in found["findings"]}
    assert sentences["trained-on"] == "These are no test images: the network was trained on them."
    assert found["verdict"]["value"] == "not believable"


def test_adults_and_children_without_the_target_are_laid_side_by_side(home: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "mixed", name="mixed", num_each=24, seed=3, mixed=True)
    out = tmp_path / "report"
    evaluate(
        home / "bundle",
        [home / "dataset", tmp_path / "mixed"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=20),
    )
    age = document(out)["age"]
    assert set(age["everyone"]) == {
        "false_alarms/adults",
        "false_alarms/children",
        "false_alarms/gap",
        "auroc/adult",
        "sources",
    }
    assert age["everyone"]["sources"] == {"adults": ["home"], "children": ["school"]}
    assert "Does the network read the age?" in (out / "report.html").read_text(encoding="utf-8")


def test_only_films_that_were_judged_are_audited(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_class_folders(tmp_path / "ward", {"COVID-19": 6, "Normal": 6})
    (folder / "Normal" / "0.png").write_bytes(b"not an image")
    only = functools.partial(run_audits, names=["border-only", "age-alarms"])
    monkeypatch.setattr("covidcxr.pipeline.evaluate.run_audits", only)
    evaluate(
        home / "bundle",
        [folder],
        tmp_path / "report",
        cache=home / "cache",
        settings=EvaluationSettings(rounds=10, audit=True),
    )
    assert [entry["name"] for entry in document(tmp_path / "report")["audits"]] == ["border-only", "age-alarms"]


def test_audits_are_made_on_demand_and_weigh_in_the_verdict(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    evaluate(
        home / "bundle",
        [home / "dataset"],
        out,
        cache=home / "cache",
        settings=EvaluationSettings(rounds=20, pictures=False, audit=True),
    )
    found = document(out)
    assert len(found["audits"]) >= 8
    assert "no-audit" not in {finding["rule"] for finding in found["findings"]}
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Shortcut audits" in html
    assert 'class="pictures strips"' in html
