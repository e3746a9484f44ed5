"""One picture that shows what is in a dataset: a row of images for every class, drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import Manifest, Sample

_TILE = 112
_PER_ROW = 12
_GAP = 4
_CAPTION = 22
_BACKGROUND, _INK, _ALARM = 245, 20, 90


def draw_contact_sheet(manifest: Manifest, title: str, image_path: Callable[[Sample], Path]) -> Image.Image:
    """Return a gray picture with, for every class and split, up to twelve images drawn with the dataset's seed."""
    generator = np.random.default_rng(manifest.seed)
    rows = []
    for label in manifest.classes:
        for split in ("train", "val", "test"):
            members = [sample for sample in manifest.samples if (sample.label, sample.split) == (label, split)]
            if members:
                drawn = sorted(generator.permutation(len(members))[:_PER_ROW])
                rows.append((f"{label}, {split}: {len(members)} images", [members[position] for position in drawn]))
    heading = [title, NOTICE, *([SYNTHETIC_NOTICE] if manifest.synthetic else [])]
    width = _PER_ROW * (_TILE + _GAP) + _GAP
    height = len(heading) * _CAPTION + len(rows) * (_TILE + _CAPTION + _GAP) + _GAP
    sheet = Image.new("L", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    for number, line in enumerate(heading):
        draw.text((_GAP, number * _CAPTION + 3), line, fill=_ALARM if line == SYNTHETIC_NOTICE else _INK, font=font)
    top = len(heading) * _CAPTION
    for caption, members in rows:
        draw.text((_GAP, top + 3), caption, fill=_INK, font=font)
        for column, sample in enumerate(members):
            with Image.open(image_path(sample)) as image:
                image.draft("L", (_TILE, _TILE))
                tile = image.convert("L")
            tile.thumbnail((_TILE, _TILE))
            left = _GAP + column * (_TILE + _GAP) + (_TILE - tile.width) // 2
            sheet.paste(tile, (left, top + _CAPTION + (_TILE - tile.height) // 2))
        top += _TILE + _CAPTION + _GAP
    return sheet
