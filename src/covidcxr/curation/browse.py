"""dataset.html: one self-contained page to browse what is in a dataset and what was left out.

Pictures are the small squeezed thumbnails of the image work, shown in their true shape; the page loads nothing from
anywhere.
"""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from importlib import resources

from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import Exclusion, Sample
from covidcxr.curation.assemble import Assembly
from covidcxr.curation.image_work import ImageFacts
from covidcxr.dataset.tables import age_group

_COLUMNS = (
    *("record_id", "class", "split", "source", "view", "age", "sex", "rule", "why"),
    *("finding", "group_id", "licence", "size", "path", "aspect", "thumbnail"),
)
_FILTERS = ("class", "split", "source", "view", "age", "rule")
_MAX_KEPT = 8000  # beyond this the page shows an even choice, so that a browser can hold it
_MAX_PER_RULE = 500


def browse_page(assembly: Assembly, facts: Mapping[str, ImageFacts], *, title: str) -> str:
    """Return the page as HTML text."""
    manifest = assembly.manifest
    step = max(1, -(-len(manifest.samples) // _MAX_KEPT))
    rows = [_kept(sample, facts[sample.record.record_id]) for sample in manifest.samples[::step]]
    by_rule: dict[str, list[Exclusion]] = defaultdict(list)
    for item in manifest.exclusions:
        by_rule[item.rule].append(item)
    for _, items in sorted(by_rule.items()):
        rows += [_left_out(item, assembly, facts.get(item.record_id)) for item in items[:_MAX_PER_RULE]]
    shown = f"{len(manifest.samples)} images kept, {len(manifest.exclusions)} left out."
    if step > 1 or any(len(items) > _MAX_PER_RULE for items in by_rule.values()):
        shown += f" This page shows {len(rows)} of them; manifest.csv and exclusions.csv list all."
    data = {"columns": _COLUMNS, "filters": _FILTERS, "rows": rows, "summary": shown}
    values = {
        "@@TITLE@@": html.escape(title),
        "@@BANNER@@": SYNTHETIC_NOTICE if manifest.synthetic else "",
        "@@NOTICE@@": NOTICE,
        "@@DIGEST@@": manifest.digest,
        "@@DATA@@": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = (resources.files("covidcxr.curation") / "browse.html").read_text(encoding="utf-8")
    return re.sub("|".join(values), lambda mark: values[mark[0]], page)  # once: a title may hold a mark itself


def _kept(sample: Sample, facts: ImageFacts) -> list[str | float]:
    record = sample.record
    return [
        record.record_id,
        sample.label,
        sample.split,
        record.source,
        record.view.value,
        age_group(record),
        record.sex.value if record.sex is not None else "",
        "kept",
        "",
        record.finding,
        sample.group_id,
        record.licence,
        f"{sample.columns} x {sample.rows}",
        sample.image,
        _aspect(facts),
        facts.thumbnail,
    ]


def _left_out(item: Exclusion, assembly: Assembly, facts: ImageFacts | None) -> list[str | float]:
    candidate = assembly.candidates.get(item.record_id)
    record = candidate.record if candidate else None
    return [
        item.record_id,
        (candidate.label or "") if candidate else "",
        "",
        item.source,
        record.view.value if record else "",
        age_group(record) if record else "",
        record.sex.value if record and record.sex is not None else "",
        item.rule,
        item.detail,
        record.finding if record else "",
        item.group_id,
        record.licence if record else "",
        f"{facts.columns} x {facts.rows}" if facts and facts.rows else "",
        item.path,
        _aspect(facts) if facts else 1.0,
        facts.thumbnail if facts else "",
    ]


def _aspect(facts: ImageFacts) -> float:
    return round(facts.columns / facts.rows, 3) if facts.rows else 1.0
