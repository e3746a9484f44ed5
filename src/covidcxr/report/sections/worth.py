"""What else could explain the score: what differs between the classes, and how far nuisance alone gets."""

from __future__ import annotations

from collections.abc import Sequence

from covidcxr.evaluation.confounds import ClassFacts
from covidcxr.evaluation.nuisance import NuisanceResult
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.page import Block, Cell, FigureBlock, Findings, Gallery, Prose, Row, Section, Table, Tone
from covidcxr.report.sections.age import age_blocks
from covidcxr.report.study import CohortResult, Study


def confounding_section(study: Study) -> Section:
    """Return age, sex, view and source by class, what follows from them, and the nuisance baseline."""
    blocks: list[Block] = []
    for result in study.results:
        blocks.append(_class_table(result))
        items = [*result.confounding.findings]
        if result.nuisance is not None:
            items.append(result.nuisance.sentence(study.target))
        if items:
            tone: Tone = "bad" if result.confounding.findings else ""
            blocks.append(Findings(title="What this means for the score", items=tuple(items), tone=tone))
        if result.nuisance is not None:
            blocks += _nuisance(result, result.nuisance)
    blocks += age_blocks(study)
    if study.info.notes:
        blocks.append(Findings(title="What the recipe says of itself", items=study.info.notes))
    lead = "A network may learn anything that tells the classes apart. This is what tells them apart besides disease."
    return Section(anchor="confounding", title="What else could explain the score", lead=lead, blocks=tuple(blocks))


def mistakes_section(study: Study) -> Section | None:
    """Return the most confident mistakes as pictures; None if there are none to show."""
    blocks: list[Block] = [
        Gallery(
            caption=f"{result.report.cohort}: the mistakes that the network was surest of, the surest first.",
            pictures=result.mistakes,
        )
        for result in study.results
        if result.mistakes
    ]
    if not blocks:
        return None
    lead = "Each was called something else than its source says. A source can be wrong too: look before you judge."
    return Section(anchor="mistakes", title="The surest mistakes", lead=lead, blocks=tuple(blocks))


def _class_table(result: CohortResult) -> Table:
    return Table(
        caption=f"{result.report.cohort}: what its manifest says of each class.",
        columns=("Class", "Images", "Age", "Children / adults / unknown", "Women / men", "Views", "Sources"),
        rows=tuple(Row(cells=_class_cells(facts)) for facts in result.confounding.classes),
        wordy=True,
        notes=(
            "Ages are those of the metadata; where a source says that all its patients are children, they count as "
            "children.",
        ),
    )


def _class_cells(facts: ClassFacts) -> tuple[Cell, ...]:
    if facts.age_median is None:
        age = Cell(text="not stated", tone="muted")
    else:
        age = Cell(
            text=f"median {facts.age_median:.0f} y",
            sub=f"{facts.age_low:.0f} to {facts.age_high:.0f}; {facts.ages_known} of {facts.num_images} known",
        )
    views = ", ".join(f"{view} {count}" for view, count in facts.views.items()) or "–"
    sources = ", ".join(f"{source} {count}" for source, count in facts.sources.items()) or "–"
    return (
        Cell(text=facts.label),
        Cell(text=f"{facts.num_images:,}", sub=f"{facts.num_patients:,} patients"),
        age,
        Cell(text=f"{facts.children} / {facts.adults} / {facts.age_unknown}"),
        Cell(text=f"{facts.women} / {facts.men}"),
        Cell(text=views),
        Cell(text=sources),
    )


def _nuisance(result: CohortResult, nuisance: NuisanceResult) -> list[Block]:
    rows = []
    for label in result.report.classes:
        ours, alone = result.report.metrics[f"auroc/{label}"], nuisance.metrics[f"auroc/{label}"]
        share = nuisance.retained.get(label)
        note = alone.reason if share is None else f"{share:.0%} of the skill"
        rows.append(ForestRow(label=label, heading=True))
        rows.append(ForestRow(label="the network", value=ours.value, low=ours.low, high=ours.high, note=ours.reason))
        rows.append(
            ForestRow(label=nuisance.name, value=alone.value, low=alone.low, high=alone.high, note=note, series=0)
        )
    drawing = draw_forest(
        f"nuisance-{result.report.cohort}".replace(" ", "-").replace(",", ""),
        f"How far nuisance alone gets, {result.report.cohort}",
        rows,
        axis_label="AUROC, each class against the rest",
        reference=0.5,
        caption="The dashed line is chance; the percentage is the share of the network's skill above chance that "
        "nuisance alone has.",
    )
    method = (
        f"A random forest sees only {_listed(nuisance.features)} of the whole image's grey values, nothing "
        f"of its content. It was fitted on {nuisance.num_train:,} training images and measured on "
        f"{result.report.cohort}."
    )
    return [FigureBlock(drawing=drawing), Prose(paragraphs=(method,))]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
