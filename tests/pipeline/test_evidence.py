from __future__ import annotations

from pathlib import Path

import pytest
from study_builders import write_bundle, write_dataset

from covidcxr.core.recipe_toml import load_recipe
from covidcxr.outputs.checklist import Checklist, ChecklistItem, checklist_markdown
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.pipeline.evidence.claim import CLAIM
from covidcxr.pipeline.evidence.fact import FACTS, Fact
from covidcxr.pipeline.evidence.guideline import Guideline, Item, fill
from covidcxr.pipeline.evidence.tripod import TRIPOD_AI


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence folder of a faithful recipe's evaluation on a miniature dataset."""
    root = tmp_path_factory.mktemp("evidence")
    manifest = write_dataset(root / "dataset", num_each=3)
    bundle = write_bundle(root, manifest.digest, recipe=load_recipe("zhong2020").model_dump(mode="json"))
    evaluate(bundle, [root / "dataset"], root / "report", rounds=20, cache=root / "cache")
    return root / "report" / "evidence"


@pytest.mark.parametrize(("guideline", "number"), [(CLAIM, 44), (TRIPOD_AI, 52)])
def test_a_guideline_has_all_its_items_and_names_only_facts_that_exist(guideline: Guideline, number: int) -> None:
    assert len({item.number for item in guideline.items}) == number == len(guideline.items)
    for item in guideline.items:
        assert set(item.facts.split()) <= set(FACTS), item.number
        assert item.facts or item.add, item.number


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
    checklist = fill(guideline, {"known": Fact(value="a|b", source="bundle.json: network")})
    assert [item.filled for item in checklist.items] == [True, False]
    text = checklist_markdown(checklist, subject="mini")
    assert "| 1 | what | a\\|b | `bundle.json: network` |" in text
    assert "| 2 | why | **open** *To add: the reason* |" in text
    assert text.endswith("## Open items\n\n- 2: why\n")


def test_a_partial_answer_is_counted_as_one() -> None:
    item = ChecklistItem(number="3", section="A", asks="x", value="some", sources=("y",), open_because="the rest")
    checklist = Checklist(name="X", title="X", citation="c", items=(item,))
    assert (checklist.num_filled, checklist.num_partial) == (1, 1)


def test_at_least_four_fifths_of_claim_are_answered_from_artefacts(pack: Path) -> None:
    rows = [
        [cell.strip() for cell in line.split(" | ")]
        for line in (pack / "CLAIM-2024.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(rows) == 44
    answered = [row for row in rows if not row[2].startswith("**open**")]
    assert len(answered) >= 0.8 * 44
    for row in answered:
        assert any(name in row[3] for name in ("bundle.json", "report.json", "dataset.json", "manifest.csv", "csv")), (
            row
        )


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
