"""near-duplicates.html: every pair of copies side by side, so that a person can judge each decision."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from covidcxr.core.types import Manifest
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.duplicates import DuplicatePair, DuplicatePairs
from covidcxr.dataset.manifest import NOTICE, SYNTHETIC_NOTICE
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
    found: DuplicatePairs,
    manifest: Manifest,
    candidates: Mapping[str, Candidate],
    picture: Callable[[str], Path],
) -> str:
    """Return the page as HTML text; ``picture`` returns the file that shows a record's image."""
    rules = {item.record_id: item.rule for item in manifest.exclusions}
    parts = [
        f"<p>{found.num_images} images, {found.num_candidates} pairs looked at closely, {len(found.pairs)} copies, "
        f"{len(found.similar)} similar films that are no copies (mostly one patient on two days).</p>"
    ]
    for title, pairs in (("Copies of one film", found.pairs), ("Similar, but no copies", found.similar)):
        parts.append(f"<h2>{title}</h2>")
        parts += [_section(pair, candidates, rules, picture) for pair in _shown(pairs)]
        if len(pairs) > _MAX_SHOWN:
            parts.append(f"<p>The first {_MAX_SHOWN} of {len(pairs)}; near-duplicates.json lists all.</p>")
    banner = f'<p class="alarm">{SYNTHETIC_NOTICE}</p>' if manifest.synthetic else ""
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Copies of films</title>'
        f"<style>{_STYLE}</style></head><body><h1>Copies of films</h1>{banner}<p>{NOTICE}</p>{body}</body></html>\n"
    )


def _shown(pairs: Sequence[DuplicatePair]) -> Sequence[DuplicatePair]:
    return pairs[:_MAX_SHOWN]


def _section(
    pair: DuplicatePair,
    candidates: Mapping[str, Candidate],
    rules: Mapping[str, str],
    picture: Callable[[str], Path],
) -> str:
    labels = {candidates[name].label for name in (pair.id_a, pair.id_b)}
    conflict = '<br><b class="alarm">label conflict: both are left out</b>' if len(labels) > 1 else ""
    mirrored = "yes" if pair.mirrored else "no"
    facts = (
        f"score {pair.score:.3f}<br>correlation {pair.correlation:.3f}<br>keypoints that agree {pair.num_inliers}<br>"
        f"bits of the hash that differ {pair.hash_distance}<br>mirrored {mirrored}{conflict}"
    )
    figures = "".join(
        _figure(name, candidates[name], rules.get(name, "kept"), picture) for name in (pair.id_a, pair.id_b)
    )
    return f"<section>{figures}<p>{facts}</p></section>"


def _figure(name: str, candidate: Candidate, rule: str, picture: Callable[[str], Path]) -> str:
    patient = candidate.record.patient_id or "unknown"
    caption = f"{html.escape(name)}<br>{candidate.label}, patient {html.escape(patient)}, {rule}"
    data = base64.b64encode(_small_jpeg(picture(name))).decode()
    alt = html.escape(name, quote=True)
    return f'<figure><img alt="{alt}" src="data:image/jpeg;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _small_jpeg(path: Path) -> bytes:
    return encode_jpeg(shrink(read_gray8(path).as_uint8(), _SIDE), 70)
