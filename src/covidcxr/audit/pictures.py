"""The picture of an audit: what the network was given, above what it was given instead."""

from __future__ import annotations

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.imaging.encoding import encode_jpeg

_SIDE = 160
_GAP = 4
_PER_CLASS = 2
_QUALITY = 88


def before_and_after(context: AuditContext, altered: Images) -> bytes:
    """Return a JPEG: two test images of each class (the first by order), and below each its altered copy.

    Args:
        context: Of the audit.
        altered: uint8 (N, S, S), or of any other square size.
    """
    labels = context.test.labels
    chosen = np.concatenate([np.flatnonzero(labels == column)[:_PER_CLASS] for column in range(len(context.classes))])
    return encode_jpeg(np.vstack([_row(context.test.images[chosen]), _row(altered[chosen])]), _QUALITY)


def _row(images: Images) -> Images:
    tiles = []
    for image in images:
        enlarged = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST)
        tiles.append(cv2.copyMakeBorder(enlarged, _GAP, 0, _GAP, 0, cv2.BORDER_CONSTANT, value=(255,)))
    return np.asarray(np.hstack(tiles), dtype=np.uint8)
