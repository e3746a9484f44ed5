"""near-duplicates.html: every pair of copies side by side, so that a person can judge each decision."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping
from pathlib import Path

from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import SPLITS, Manifest
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.copy_report import CopyPair, CopyReport
from covidcxr.curation.duplicates import DuplicatePair, DuplicatePairs
from covidcxr.imaging.encoding import encode_jpeg, shrink
from covidcxr.imaging.reading import read_gray8

_SIDE = 220
_MAX_SHOWN = 300
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 0 auto; padding: 1rem; }
.alarm { color: #c0392b; font-weight: 600; }
section { display: grid; grid-template-columns: 240px 240px 1fr; gap: .75rem; }
section { border-top: 1px solid #8886; padding: .75rem 0; }
figure { margin: 0; } img { max-width: 100%; background: #000; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
@media print { section { break-inside: avoid; } }
"""


def pair_gallery(
    found: DuplicatePairs | None,
    report: CopyReport,
    manifest: Manifest,
    candidates: Mapping[str, Candidate],
    picture: Callable[[str], Path],
) -> str:
    """Return the page as HTML text: label conflicts and copies in two splits first, all of them, then the rest.

    ``found`` is the search's result, None without one; ``picture`` returns the file that shows a record's image.
    """
    places = {item.record_id: item.rule for item in manifest.exclusions}
    places |= {sample.record.record_id: sample.split for sample in manifest.samples}
    by_ids = {(pair.id_a, pair.id_b): pair for pair in (*found.pairs, *found.similar)} if found else {}
    crossing = [pair for pair in report.crossing if not pair.conflicts]
    alarming = {(pair.id_a, pair.id_b) for pair in (*report.conflicting, *crossing)}
    parts = [f"<p>{html.escape(report.coverage())}</p>"]
    if found is not None:
        parts.append(
            f"<p>{found.num_images} images, {found.num_candidates} pairs looked at closely, {len(found.pairs)} copies, "
            f"{len(found.similar)} similar images that are no copies (mostly one patient on two days).</p>"
        )

    def section(ids: tuple[str, str], facts: str) -> str:
        figures = "".join(_figure(name, candidates[name], places[name], picture) for name in ids)
        return f"<section>{figures}<p>{facts}</p></section>"

    for title, listed in (("One image under two labels", report.conflicting), ("One image in two splits", crossing)):
        parts.append(f"<h2>{title}: {len(listed)}</h2>")
        for item in listed:
            ids = item.id_a, item.id_b
            match = _match(by_ids[ids]) if ids in by_ids else f"equal {item.told_by}"
            parts.append(section(ids, f"{match}<br>{_alarm(item)}"))
    for title, pairs in (
        ("Duplicates of one image", found and found.pairs),
        ("Similar, but no copies", found and found.similar),
    ):
        rest = [pair for pair in pairs or () if (pair.id_a, pair.id_b) not in alarming]
        parts.append(f"<h2>{title}: {len(rest)}</h2>")
        parts += [section((pair.id_a, pair.id_b), _match(pair)) for pair in rest[:_MAX_SHOWN]]
        if len(rest) > _MAX_SHOWN:
            parts.append(f"<p>The first {_MAX_SHOWN} of {len(rest)}; near-duplicates.json lists all.</p>")
    banner = f'<p class="alarm">{SYNTHETIC_NOTICE}</p>' if manifest.synthetic else ""
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Copies of images</title>'
        f"<style>{_STYLE}</style></head><body><h1>Copies of images</h1>{banner}<p>{NOTICE}</p>{body}</body></html>\n"
    )


def _match(pair: DuplicatePair) -> str:
    mirrored = "yes" if pair.mirrored else "no"
    return (
        f"score {pair.score:.3f}<br>correlation {pair.correlation:.3f}<br>keypoints that agree {pair.num_inliers}<br>"
        f"bits of the hash that differ {pair.hash_distance}<br>mirrored {mirrored}"
    )


def _alarm(pair: CopyPair) -> str:
    what = [*(["two labels"] if pair.conflicts else []), *(["two splits"] if pair.crosses else [])]
    kept = [place in SPLITS for place in (pair.place_a, pair.place_b)]
    where = "both are in the dataset" if all(kept) else "one is left out" if any(kept) else "both are left out"
    return f'<b class="alarm">{" and ".join(what)}: {where}</b>'


def _figure(name: str, candidate: Candidate, place: str, picture: Callable[[str], Path]) -> str:
    patient = candidate.record.patient_id or "unknown"
    label = f"{candidate.record.label}" + ("" if candidate.label else ", not taken")
    caption = f"{html.escape(name)}<br>{html.escape(label)}, patient {html.escape(patient)}, {place}"
    data = base64.b64encode(_small_jpeg(picture(name))).decode()
    alt = html.escape(name, quote=True)
    return f'<figure><img alt="{alt}" src="data:image/jpeg;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _small_jpeg(path: Path) -> bytes:
    return encode_jpeg(shrink(read_gray8(path).as_uint8(), _SIDE), 70)
