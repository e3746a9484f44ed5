"""One HTML page that shows every pair of copies side by side, with its score: for a person to look at.

Self-contained: pictures are inside as JPEG, nothing is fetched. Identifiers are those of the public sources.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.artefacts import write_text
from covidcxr.curation.duplicates.pairs import DuplicatePair, DuplicatePairs
from covidcxr.imaging.encoding import encode_jpeg, shrink, to_uint8

_LONGEST_SIDE = 260
_QUALITY = 70
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
body{color:#1b2430;background:#f6f7f9}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p.note{color:#51606f}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(34rem,1fr));gap:1rem}
.pair{background:#fff;border:1px solid #d8dee6;border-radius:8px;padding:.7rem}
.pair.conflict{border-color:#b3261e;box-shadow:inset 4px 0 #b3261e}
.images{display:flex;gap:.5rem}.images figure{margin:0;flex:1;min-width:0}
.images img{width:100%;height:auto;background:#000;display:block}
figcaption{font-size:.78rem;overflow-wrap:anywhere;color:#37424e}
.score{font-variant-numeric:tabular-nums;margin:.4rem 0 0}.badge{font-weight:600}
@media print{body{background:#fff}.pair{break-inside:avoid}}
"""


def write_gallery(
    path: Path,
    found: DuplicatePairs,
    pixels: Callable[[str], NDArray[np.uint8] | NDArray[np.float32]],
    *,
    title: str,
    labels: Mapping[str, str] | None = None,
    max_pairs: int = 2000,
) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        found: Copies, then similar images, are shown in their order.
        pixels: Returns the gray pixels (H, W) of an id, uint8 or float in [0, 1].
        title: Heading of the page.
        labels: Classes of images by id; a pair of two classes is marked as a conflict.
        max_pairs: The rest is counted, not shown.

    Raises:
        OutputError: If ``path`` cannot be written.
    """
    known = labels or {}
    conflicts = sum(_in_conflict(pair, known) for pair in found)
    parts = [
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{found.num_images:,} images, {found.num_candidates:,} pairs compared closely, "
        f"<b>{len(found):,} pairs of copies</b>, {conflicts:,} of them with two labels.</p>",
        "<p class='note'>Research use only, not a diagnosis. The score is the lower quartile of the local correlation "
        "of the two aligned images; 1 is identical.</p>",
        *_section("Copies", found.pairs, pixels, known, max_pairs),
        *_section("Similar, not taken for copies", found.similar, pixels, known, max_pairs),
        "</body></html>\n",
    ]
    write_text(path, "\n".join(parts))


def _section(
    heading: str,
    pairs: Sequence[DuplicatePair],
    pixels: Callable[[str], NDArray[np.uint8] | NDArray[np.float32]],
    labels: Mapping[str, str],
    max_pairs: int,
) -> list[str]:
    if not pairs:
        return []
    shown = pairs[:max_pairs]
    more = f"<p class='note'>{len(pairs) - len(shown):,} more are not shown.</p>" if len(shown) < len(pairs) else ""
    cards = (_card(pair, pixels, labels) for pair in shown)
    return [f"<h2>{heading} ({len(pairs):,})</h2>", "<div class='pairs'>", *cards, "</div>", more]


def _card(
    pair: DuplicatePair,
    pixels: Callable[[str], NDArray[np.uint8] | NDArray[np.float32]],
    labels: Mapping[str, str],
) -> str:
    conflict = _in_conflict(pair, labels)
    words = f"{pair.num_inliers} keypoints, correlation {pair.correlation:.3f}, hash distance {pair.hash_distance}"
    mirrored = ", mirrored" if pair.mirrored else ""
    films = "".join(_film(name, pixels(name), labels.get(name, "")) for name in (pair.id_a, pair.id_b))
    return (
        f"<div class='pair{' conflict' if conflict else ''}'><div class='images'>{films}</div>"
        f"<p class='score'><span class='badge'>{pair.score:.3f}</span> · {words}{mirrored}"
        f"{' · <b>two labels</b>' if conflict else ''}</p></div>"
    )


def _film(name: str, pixels: NDArray[np.uint8] | NDArray[np.float32], label: str) -> str:
    gray = pixels.astype(np.uint8) if pixels.dtype == np.uint8 else to_uint8(pixels.astype(np.float32))
    data = base64.b64encode(encode_jpeg(shrink(gray, _LONGEST_SIDE), _QUALITY)).decode()
    caption = html.escape(name) + (f" · {html.escape(label)}" if label else "")
    return (
        f"<figure><img alt='{html.escape(name, quote=True)}' src='data:image/jpeg;base64,{data}'>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _in_conflict(pair: DuplicatePair, labels: Mapping[str, str]) -> bool:
    first, second = labels.get(pair.id_a), labels.get(pair.id_b)
    return first is not None and second is not None and first != second
