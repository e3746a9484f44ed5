"""The evidence pack: what it claims of four kinds of cohort, and that every artefact and key it cites is there."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import EvaluationError
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.outputs.checklist import Checklist, ChecklistItem, checklist_markdown
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.pipeline.validate import validate
from covidcxr.report.checklists.claim import CLAIM
from covidcxr.report.checklists.fact import FACTS, Fact
from covidcxr.report.checklists.guideline import Guideline, Item, fill
from covidcxr.report.checklists.statements import STATEMENTS, read_statements
from covidcxr.report.checklists.tripod import TRIPOD_AI
from study_builders import write_bundle, write_class_folders, write_dataset

KINDS = ("internal", "external", "folders", "hospital")
STATED = {"funding": 'Grant "7", of the Land\nof Elsewhere', "registration": "None.", "annotators": "Two radiologists."}


@dataclass(frozen=True)
class Place:
    """Where the artefacts of one report are."""

    bundle: Path
    dataset: Path
    report: Path

    @property
    def pack(self) -> Path:
        return self.report / "evidence"

    def file(self, name: str) -> Path:
        if name in {"bundle.json", "SHA256SUMS"}:
            return self.bundle / name
        return (self.dataset if name in {"dataset.json", "manifest.csv", "exclusions.csv"} else self.report) / name


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    """Reports of one bundle on its own dataset, another compiled one, class folders and a hospital's folder."""
    root = tmp_path_factory.mktemp("evidence")
    recipe = load_recipe("zhong2020").model_dump(mode="json")
    manifest = write_dataset(root / "internal", num_each=3, recipe=recipe)
    bundle = write_bundle(root, manifest.digest, recipe=recipe)
    write_dataset(root / "external", name="other", num_each=3, seed=1, recipe=recipe)
    write_class_folders(root / "folders", {"COVID-19": 4, "Normal": 4})
    write_class_folders(root / "hospital", {"COVID-19": 4, "Normal": 4})
    rows = [
        f"{label}/{number}.png,{label},{number // 2},5{number}"
        for label in ("COVID-19", "Normal")
        for number in range(4)
    ]
    (root / "hospital" / "labels.csv").write_text("\n".join(["path,label,patient_id,age_years", *rows]) + "\n")
    found = {kind: Place(bundle=bundle, dataset=root / kind, report=root / f"report-{kind}") for kind in KINDS}
    for kind in KINDS[:3]:
        place = found[kind]
        evaluate(
            bundle,
            [place.dataset],
            place.report,
            cache=root / "cache",
            settings=EvaluationSettings(rounds=20, pictures=kind == "internal"),
        )
    place = found["hospital"]
    validate(
        bundle,
        place.dataset,
        place.report,
        cache=root / "cache",
        settings=EvaluationSettings(rounds=20, statements=STATED),
    )
    return found


@pytest.fixture(scope="module")
def pack(places: dict[str, Place]) -> Path:
    """The evidence folder of the internal report."""
    return places["internal"].pack


def rows_of(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Return item to (answer, citations)."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| \d", line):
            number, _, answer, cited = line[2:-2].split(" | ")
            rows[number] = answer, re.findall(r"`([^`]+)`", cited)
    return rows


def resolve(place: Place, citation: str) -> None:
    """Fail unless every file that ``citation`` names is there and holds every key it names."""
    for part in citation.split("; "):
        name, _, keys = part.partition(": ")
        path = place.file(name)
        assert path.is_file(), citation
        for key in keys.split(", ") if keys else ():
            assert holds(path, key), f"{citation}: no {key} in {path}"


def holds(path: Path, key: str) -> bool:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            return key in (csv.DictReader(stream).fieldnames or ())
    if path.suffix == ".html":
        return f'id="{key}"' in path.read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    value: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    for step in key.split("."):
        name, *positions = re.findall(r"[^\[\]]+", step)
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
        for position in positions:
            value = value[int(position)]
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("guideline", [CLAIM, TRIPOD_AI])
def test_every_answer_cites_a_file_and_a_key_that_are_there(
    places: dict[str, Place], kind: str, guideline: Guideline
) -> None:
    rows = rows_of(places[kind].pack / f"{guideline.name}.md")
    assert len(rows) == len(guideline.items)
    for number, (answer, citations) in rows.items():
        assert bool(citations) == (not answer.startswith("**open**")), number
        for citation in citations:
            resolve(places[kind], citation)


def test_at_least_four_fifths_of_claim_are_answered_on_an_internal_report_without_help_of_the_author(
    places: dict[str, Place],
) -> None:
    claim = json.loads((places["internal"].report / "report.json").read_text())["evidence"][0]
    assert (claim["name"], claim["items"]) == ("CLAIM-2024", 44)
    assert claim["answered"] - claim["in_part"] >= 0.8 * 44
    assert {"33", "34", "44"} <= set(claim["open"])
    answers = rows_of(places["internal"].pack / "CLAIM-2024.md")
    assert len([1 for answer, _ in answers.values() if not answer.startswith("**open**")]) == claim["answered"]
    assert len([1 for answer, _ in answers.values() if "*To add" in answer]) == claim["in_part"] + len(claim["open"])


@pytest.mark.parametrize("kind", ["folders", "hospital"])
def test_nothing_of_the_training_data_is_claimed_of_other_images(places: dict[str, Place], kind: str) -> None:
    rows = rows_of(places[kind].pack / "CLAIM-2024.md")
    assert "No exclusion rule ran" in rows["8"][0]
    assert rows["10"][0].startswith("The whole folder")
    assert "published without names" not in rows["11"][0]
    assert "Strategy" not in rows["19"][0]
    assert "duplicates" not in rows["20"][0]
    assert "public sources" not in rows["43"][0]
    assert rows["32"][0].startswith("**open**")
    card = (places[kind].pack / "MODEL_CARD.md").read_text(encoding="utf-8")
    parts = {part.partition("\n")[0]: part for part in card.split("## ")}
    trained, evaluated = parts["Training data"], parts["Evaluated data"]
    assert "covid-chestxray-dataset: COVID-19" in trained
    assert "8 images" not in trained
    assert "covid-chestxray-dataset" not in evaluated


def test_the_hospital_s_folder_is_described_as_such_and_its_author_s_statements_fill_items(
    places: dict[str, Place],
) -> None:
    rows = rows_of(places["hospital"].pack / "CLAIM-2024.md")
    assert rows["7"][0].startswith("One hospital's own images")
    assert "DICOM headers only joined images of one patient" in rows["11"][0]
    assert rows["16"] == ("Two radiologists.", ["evidence/study.toml: annotators"])
    assert rows["44"] == ('Grant "7", of the Land of Elsewhere', ["evidence/study.toml: funding"])
    assert rows_of(places["folders"].pack / "CLAIM-2024.md")["16"][0].startswith("**open** *To add: who labelled")
    assert not (places["folders"].pack / "study.toml").exists()


def test_an_external_cohort_fills_its_item_and_nothing_is_left_to_add(places: dict[str, Place]) -> None:
    answer = rows_of(places["external"].pack / "CLAIM-2024.md")["33"][0]
    assert answer.startswith("zhong2020, test: 9 images")
    assert "To add" not in answer


def test_the_command_takes_statements_and_prints_how_much_is_answered(
    places: dict[str, Place], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "study.toml").write_text('funding = "none"\n')
    place = places["folders"]
    arguments = [str(place.bundle), str(place.dataset), "--out", str(tmp_path / "report"), "--rounds", "10"]
    assert run_command(["evaluate", *arguments, "--no-pictures", "--study", str(tmp_path / "study.toml")]) == 0
    claim = json.loads((tmp_path / "report" / "report.json").read_text())["evidence"][0]
    assert "44" not in claim["open"]
    words = f"CLAIM 2024: {claim['answered']} of 44 items answered from artefacts, {claim['in_part']} of them in part"
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fundings = 'x'", "unknown statement 'fundings'; known are background"),
        ("funding = 7", "funding is 7; expected a text"),
        ("funding", "no TOML"),
    ],
)
def test_statements_that_are_none_are_refused_by_name(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(EvaluationError, match=words):
        read_statements(tmp_path / "study.toml")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_statements(tmp_path / "none.toml")


@pytest.mark.parametrize(("guideline", "number"), [(CLAIM, 44), (TRIPOD_AI, 52)])
def test_a_guideline_has_all_its_items_and_names_only_facts_that_exist(guideline: Guideline, number: int) -> None:
    assert len({item.number for item in guideline.items}) == number == len(guideline.items)
    for item in guideline.items:
        assert set(item.facts.split()) <= set(FACTS), item.number
        assert item.facts or item.author, item.number
        assert item.author in {"", *STATEMENTS}, item.number


def test_every_statement_answers_some_item() -> None:
    assert {item.author for guideline in (CLAIM, TRIPOD_AI) for item in guideline.items} == {"", *STATEMENTS}


def test_every_fact_answers_some_item() -> None:
    used = {name for guideline in (CLAIM, TRIPOD_AI) for item in guideline.items for name in item.facts.split()}
    assert set(FACTS) == used


def test_an_item_without_a_fact_is_honestly_open() -> None:
    guideline = Guideline(
        name="X",
        title="X",
        citation="c",
        items=(Item("1", "A", "what", "known"), Item("2", "A", "why", "unknown", add="the reason")),
    )
    checklist = fill(guideline, {"known": Fact(value="a|b", source="bundle.json: network")}, {})
    assert [item.filled for item in checklist.items] == [True, False]
    text = checklist_markdown(checklist, subject="mini")
    assert "| 1 | what | a\\|b | `bundle.json: network` |" in text
    assert "| 2 | why | **open** *To add: the reason* |" in text
    assert text.endswith("## Open items\n\n- 2: why\n")


def test_a_partial_answer_is_counted_as_one() -> None:
    item = ChecklistItem(number="3", section="A", asks="x", value="some", sources=("y",), open_because="the rest")
    checklist = Checklist(name="X", title="X", citation="c", items=(item,))
    assert (checklist.num_filled, checklist.num_partial) == (1, 1)


def test_the_model_card_starts_with_the_verdict_and_ends_with_what_it_is(pack: Path) -> None:
    text = (pack / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert text.startswith("# Model card: A miniature\n\n**Research use only, not a diagnosis.**")
    assert "Verdict on its score: **not believable**." in text
    assert "| accuracy | 0." in text
    assert "- Bundle `" in text


def test_the_report_says_how_much_is_answered(pack: Path) -> None:
    html = (pack.parent / "report.html").read_text(encoding="utf-8")
    assert "Evidence pack" in html
    assert "of 52" in html
