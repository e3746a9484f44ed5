"""Where the network looked: how much of what speaks for its answers lies inside the lungs."""

from __future__ import annotations

from collections.abc import Iterator

from covidcxr.explain.rows import Summary
from covidcxr.outputs.page import Block, Cell, Findings, Row, Section, Table, Tone, metric_cell
from covidcxr.report.heat_maps import FAILED, PEAK_OUTSIDE, CohortExplanations
from covidcxr.report.study import CohortResult, Study

_NUM_ZONES = 3
_MANY_WRONG = 0.5


def explanations_section(study: Study) -> Section | None:
    """Return the distribution of the heat maps on every cohort; None if none was asked for."""
    made = [(result, result.explanations) for result in study.results if result.explanations is not None]
    blocks: list[Block] = [_table(result, found) for result, found in made]
    wrong = tuple(sentence for result, found in made for sentence in _wrong(result, found))
    if wrong:
        blocks.append(Findings(title="What this means for the score", items=wrong, tone="bad"))
    if study.not_explained:
        blocks.append(Findings(title="No heat maps", items=(study.not_explained,)))
    if not blocks:
        return None
    lead = (
        "A heat map decorates unless something says whether it can be believed. These count, for the class that was "
        "called, how much of the evidence lies inside the lungs; a network that reads something else shows it here."
    )
    return Section(anchor="explanations", title="Where the network looked", lead=lead, blocks=tuple(blocks))


def _table(result: CohortResult, found: CohortExplanations) -> Table:
    metrics = result.report.metrics
    everything = (
        Cell(text="All", sub=f"{found.overall.num_films:,} of {found.num_images:,} images"),
        *_cells(found.overall),
        metric_cell(metrics[PEAK_OUTSIDE]),
        metric_cell(metrics[FAILED]),
        _zones(found.overall),
    )
    rows = [Row(cells=everything)]
    for label, summary in found.by_class.items():
        rows.append(Row(cells=_class_cells(label, summary)))
    return Table(
        caption=f"{result.report.cohort}: heat maps ({found.method}) of the class that was called.",
        columns=(
            "Called",
            "Inside the lungs",
            "By chance",
            "Hottest place outside",
            "Not to be believed",
            "Strongest zone",
        ),
        rows=tuple(rows),
        wordy=True,
        notes=(
            "Inside the lungs: median share of the positive attribution, of places at least a fifth as hot as the "
            "hottest, quartiles below it; by chance it would be the lungs' share of what the network sees. Not to be "
            "believed: less than half inside, or than by chance, no evidence at all, or no lungs found. "
            "Strongest zone: the third of a lung that holds most of the heat, with the share of images.",
            "Images were taken from the classes in turn, each patient once before any twice.",
        ),
    )


def _class_cells(label: str, summary: Summary) -> tuple[Cell, ...]:
    outside = "–" if summary.peak_outside is None else f"{summary.peak_outside:.0%}"
    failed = summary.num_failed / summary.num_films
    tone: Tone = "bad" if failed > _MANY_WRONG else ""
    return (
        Cell(text=label, sub=f"{summary.num_films:,} images"),
        *_cells(summary),
        Cell(text=outside),
        Cell(text=f"{failed:.0%}", sub=_reasons(summary), tone=tone),
        _zones(summary),
    )


def _cells(summary: Summary) -> tuple[Cell, Cell]:
    if summary.lung_fraction_quartiles is None:
        return Cell(text="–", sub="no lungs, or no heat", tone="muted"), Cell(text="–")
    low, middle, high = summary.lung_fraction_quartiles
    return Cell(text=f"{middle:.2f}", sub=f"{low:.2f} to {high:.2f}"), Cell(text=f"{summary.mean_chance or 0:.2f}")


def _zones(summary: Summary) -> Cell:
    total = sum(summary.strongest_zones.values())
    most = list(summary.strongest_zones.items())[:_NUM_ZONES]
    return Cell(text=", ".join(f"{zone} {count / total:.0%}" for zone, count in most) or "–")


def _reasons(summary: Summary) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in summary.failures.items())


def _wrong(result: CohortResult, found: CohortExplanations) -> Iterator[str]:
    for label, summary in found.by_class.items():
        share = summary.num_failed / summary.num_films
        if share > _MANY_WRONG:
            where = f"{result.report.cohort}: on {share:.0%} of the {summary.num_films:,} images called {label}"
            yield (
                f"{where} the heat map is not to be believed; whatever the network recognises there, it is for the "
                "most part not in the lungs."
            )
