"""What the network answers for adults and children who all lack the target: a table, or why there is none."""

from __future__ import annotations

from covidcxr.evaluation.age import AgeContrast
from covidcxr.evaluation.age_rule import age_sentence, age_weight
from covidcxr.outputs.page import Block, Cell, Findings, Row, Table, Tone, metric_cell
from covidcxr.report.study import Study


def age_blocks(study: Study) -> tuple[Block, ...]:
    """Return the sentence and the numbers behind it."""
    reading, weight = study.age, age_weight(study.age)
    tone: Tone = "bad" if weight == "against" else "warn" if weight else ""
    said = Findings(title="Does the network read the age?", items=(age_sentence(reading),), tone=tone)
    if reading.everyone is None:
        return (said,)
    rows = [_row("all", reading.everyone)]
    if reading.one_source is not None:
        rows.append(_row(f"of {reading.one_source.adult_sources[0]}", reading.one_source))
    table = Table(
        caption=f"Patients without {reading.target} in all cohorts: how often they are called {reading.target}.",
        columns=("Images", "Adults", "Children", "Difference", "AUROC, adult against child"),
        rows=tuple(rows),
        notes=("The AUROC is that of the target's probability; 0.5 knows nothing of age.",),
    )
    return said, table


def _row(name: str, contrast: AgeContrast) -> Row:
    size = f"{contrast.adults.num_cases:,} of adults, {contrast.children.num_cases:,} of children"
    metrics = (contrast.adults, contrast.children, contrast.gap, contrast.auroc)
    return Row(cells=(Cell(text=name, sub=size), *(metric_cell(metric) for metric in metrics)))
