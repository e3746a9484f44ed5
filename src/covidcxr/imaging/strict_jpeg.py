"""A JPEG stream to luma with libjpeg-turbo, which is made to refuse what it would otherwise patch and keep to itself.

Pillow and OpenCV use the same library and give the same pixels, but the one drops its complaints of damaged data and
the other writes them to stderr.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError

_ENDS_EARLY = ("premature end of jpeg file", "premature end of input")


def decode_strictly(data: bytes, *, origin: str) -> NDArray[np.uint8]:
    """Return the luma of a baseline or progressive JPEG of 8 bits as uint8 (H, W).

    Raises:
        ImageReadError: ``truncated`` or ``undecodable``, if libjpeg complains of anything.
    """
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True))[..., 0]
    except ValueError as error:
        is_early = any(words in str(error).lower() for words in _ENDS_EARLY)
        if is_early:
            message = "a JPEG that ends early; expected the whole file; get it again"
        else:
            message = f"a damaged JPEG (libjpeg: {error}); get it again"
        raise ImageReadError(f"{origin}: {message}", reason="truncated" if is_early else "undecodable") from error
