"""Ours beside the published figures: tables, confusion matrices, curves by epoch, and why the datasets differ."""

from __future__ import annotations

from collections import Counter

from covidcxr.core.types import Metric
from covidcxr.evaluation.published import PUBLISHED, Comparison, PublishedResult, compare_with_published
from covidcxr.metrics.intervals import wilson
from covidcxr.outputs.figures.confusion import ConfusionPanel, draw_confusion
from covidcxr.outputs.figures.history import draw_history
from covidcxr.outputs.figures.probability import ClassProbabilities, draw_true_probability
from covidcxr.outputs.page import (
    Block,
    Cell,
    FigureBlock,
    Prose,
    Row,
    Section,
    Table,
    Tone,
    interval,
    metric_cell,
    number,
    signed,
)
from covidcxr.report.study import Study


def published_section(study: Study) -> Section | None:
    """Return ours beside the publication that the recipe follows; None if it follows none."""
    theirs = study.published
    if theirs is None:
        return None
    comparisons = compare_with_published(theirs, study.main.report, study.train)
    blocks: list[Block] = [_table(theirs, comparisons)] if comparisons else []
    blocks += _confusions(study, theirs)
    if study.history is not None:
        blocks.append(
            FigureBlock(drawing=draw_history("accuracy-and-loss", "Accuracy and loss by epoch", study.history))
        )
    blocks.append(FigureBlock(drawing=_probabilities(study, theirs)))
    if theirs.counts is not None:
        blocks.append(_counts(study, theirs))
        blocks.append(Prose(paragraphs=tuple(_why_counts_differ(study))))
    lead = (
        f"{theirs.citation} The published numbers were measured on {theirs.num_test_images} images, ours on "
        f"{study.main.report.num_images}; a published number inside our interval is one this run does not contradict."
    )
    return Section(anchor="published", title=f"Beside {theirs.title}", lead=lead, blocks=tuple(blocks))


def field_section(study: Study) -> Section:
    """Return what the other systems of the field report, with the interval that their numbers of cases allow."""
    rows = [Row(cells=(Cell(text="This run"), metric_cell(study.main.report.metrics["accuracy"]), _images(study)))]
    for result in PUBLISHED.values():
        rows += _field_rows(result)
    table = Table(
        caption="Accuracy, or what the publication reports in its place, with the 95 % confidence interval that its "
        "number of "
        "images allows (Wilson; computed here, no publication prints it).",
        columns=("System", "Reported", "Measured on"),
        rows=tuple(rows),
        notes=("Different images, different splits: these numbers cannot be ranked against each other.",),
    )
    return Section(anchor="field", title="The field", blocks=(table,))


def _table(theirs: PublishedResult, comparisons: tuple[Comparison, ...]) -> Table:
    rows: list[Row] = []
    group = ""
    for entry in comparisons:
        if entry.row != group:
            group = entry.row
            rows.append(Row(cells=(Cell(text=group),), heading=True))
        rows.append(Row(cells=_comparison_cells(entry)))
    return Table(
        caption=f"What {theirs.title} reports beside this run; the last column says whether the published value lies "
        "in our interval.",
        columns=("", "Published", "This run", "95 % confidence interval", "Difference", "Published value"),
        rows=tuple(rows),
        notes=theirs.notes,
    )


def _comparison_cells(entry: Comparison) -> tuple[Cell, ...]:
    published, ours = entry.theirs, entry.ours
    limits = (
        "" if published.low is None or published.high is None else f" ({published.low:.3f} to {published.high:.3f})"
    )
    inside = {True: "inside", False: "outside", None: "–"}[entry.compatible]
    tone: Tone = {True: "good", False: "warn", None: "muted"}[entry.compatible]  # type: ignore[assignment]
    return (
        Cell(text=entry.metric),
        Cell(text=f"{'more than ' if published.is_lower_limit else ''}{published.value:.4f}{limits}"),
        Cell(text="–" if ours is None else number(ours.value, digits=4)),
        Cell(text=interval(ours) if ours else "–", tone="muted"),
        Cell(text=signed(entry.difference, digits=4)),
        Cell(text=inside, tone=tone),
    )


def _confusions(study: Study, theirs: PublishedResult) -> list[Block]:
    report = study.main.report
    panels = [
        ConfusionPanel(title=f"This run, {report.num_images} images", classes=report.classes, counts=report.confusion)
    ]
    if theirs.confusion:
        title = f"Published, {sum(map(sum, theirs.confusion))} images"
        panels.insert(0, ConfusionPanel(title=title, classes=theirs.classes, counts=theirs.confusion_matrix()))
    return [FigureBlock(drawing=draw_confusion("confusion-published", "Confusion matrix of the test", panels))]


def _probabilities(study: Study, theirs: PublishedResult):  # type: ignore[no-untyped-def]
    cohort, report = study.main.cohort, study.main.report
    published = {
        value.metric: (value.value, value.low, value.high)
        for value in theirs.values
        if value.low is not None and value.high is not None
    }
    entries = []
    for position, label in enumerate(cohort.classes):
        metric = report.metrics[f"true_probability/{label}"]
        if metric.value is None:
            continue
        low, high = (metric.low, metric.high) if metric.low is not None else (metric.value, metric.value)
        entries.append(
            ClassProbabilities(
                label=label,
                values=cohort.probabilities[cohort.labels == position, position],
                mean=metric.value,
                low=low,
                high=high or metric.value,
                theirs=published.get(label),
            )
        )
    return draw_true_probability("true-class-probability", "Probability given to the true class", entries)


def _counts(study: Study, theirs: PublishedResult) -> Table:
    counts = theirs.counts
    if counts is None:
        raise ValueError("a publication without counts has no table of them")
    ours = study.main.dataset.counts
    rows = []
    for split, numbers in counts.splits.items():
        found = [ours.get(split, {}).get(label, 0) for label in counts.classes]
        cells = [
            Cell(text=f"{here:,}", sub=f"published {there:,}", tone="" if here == there else "warn")
            for there, here in zip(numbers, found, strict=True)
        ]
        total = Cell(text=f"{sum(found):,}", sub=f"published {sum(numbers):,}")
        rows.append(Row(cells=(Cell(text=split.capitalize()), *cells, total)))
    return Table(
        caption="Images by split and class: this dataset, and the published one below each number.",
        columns=("Split", *counts.classes, "All"),
        rows=tuple(rows),
    )


def _why_counts_differ(study: Study) -> list[str]:
    """Return where images went, by source and rule, counted from the manifest of this run."""
    facts = study.main.dataset
    missing = Counter(item.source for item in facts.exclusions if item.rule == "no-file")
    dropped = Counter(item.rule for item in facts.exclusions if item.rule != "no-file")
    sentences = []
    if missing:
        listing = ", ".join(f"{count} of {source}" for source, count in missing.most_common())
        sentences.append(
            f"Listed by a source but without a file here: {listing}. Such images cannot be compiled by anyone who "
            "has the same copy of the source."
        )
    if dropped:
        listing = ", ".join(f"{count} by {rule}" for rule, count in dropped.most_common(12))
        sentences.append(f"Left out by a named rule: {listing}. exclusions.csv of the dataset has the reason of each.")
    sentences.append(
        "The publication counts 498 COVID-19 images of three sources but does not list them. Views that a "
        "source leaves blank (37 of the 55 rows of Figure1) are frontal when looked at, and are kept unless a "
        "rule finds otherwise; the sources have changed since, so the counts above need not agree."
    )
    return sentences


def _field_rows(result: PublishedResult) -> list[Row]:
    images = Cell(text=f"{result.num_test_images}", sub="images")
    if result.confusion:
        right = sum(result.confusion[index][index] for index in range(len(result.confusion)))
        total = sum(map(sum, result.confusion))
        return [Row(cells=(Cell(text=result.title, sub=result.citation), _share(right, total, "accuracy"), images))]
    return [
        Row(
            cells=(
                Cell(text=result.title, sub=result.citation),
                _share(value.value * result.num_test_images, result.num_test_images, value.metric),
                images,
            )
        )
        for value in result.values
        if value.metric.startswith("Accuracy")
    ]


def _share(right: float, total: int, name: str) -> Cell:
    found = wilson(min(right, total), total)
    return metric_cell(Metric(name=name, value=found.value, low=found.low, high=found.high, num_cases=total))


def _images(study: Study) -> Cell:
    return Cell(text=f"{study.main.report.num_images:,}", sub="images")
