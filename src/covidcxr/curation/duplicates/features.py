"""What is remembered of one image so that its copies can be found without opening it again.

An image may have been cropped, scaled, re-exposed, re-compressed, tilted, mirrored or drawn upon. What survives are its
coarse picture (a perceptual hash) and the look of small neighbourhoods (SIFT descriptors, D. Lowe, IJCV 60, 2004).
Both are taken from the image squeezed to one square size, so that copies whose aspect ratio was lost agree as well.
How features are compared is left to `candidates` and `confirm`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128  # pixels of the squeezed copy that everything is measured on
MAX_KEYPOINTS = 150
DESCRIPTOR_LENGTH = 128
_HASH_SIDE = 32
_HASH_FREQUENCIES = 8
_CLAHE_LIMIT = 3.0
_CLAHE_TILES = 4
_MAGIC = b"cxf1"
_OF_THREAD = threading.local()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImageFeatures:
    """What is remembered of one image (about 39 KB).

    Attributes:
        thumbnail: uint8 (SIDE, SIDE), the image squeezed.
        hashes: uint64 (2,), DCT hash of the image and of its mirror image.
        keypoints: float32 (K, 4): x, y and diameter in pixels of the thumbnail, and angle in degrees.
        descriptors: uint8 (K, 128), SIFT.
    """

    thumbnail: NDArray[np.uint8]
    hashes: NDArray[np.uint64]
    keypoints: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """Return the features as bytes that `from_bytes` reads, the same on every machine."""
        count = np.array([len(self.keypoints)], "<u4")
        parts = (count, self.hashes.astype("<u8"), self.thumbnail, self.keypoints.astype("<f4"), self.descriptors)
        return _MAGIC + b"".join(part.tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageFeatures:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: If ``data`` is anything else.
        """
        if data[:4] != _MAGIC or len(data) < 24:
            raise ValueError(f"not image features: starts with {data[:4]!r}, expected {_MAGIC!r}")
        count = int.from_bytes(data[4:8], "little")
        expected = 24 + SIDE * SIDE + count * (16 + DESCRIPTOR_LENGTH)
        if len(data) != expected:
            raise ValueError(f"image features of {count} keypoints have {expected} bytes; found {len(data)}")
        places = 24 + SIDE * SIDE
        looks = places + 16 * count
        return cls(
            hashes=np.frombuffer(data, "<u8", 2, 8).astype(np.uint64),
            thumbnail=np.frombuffer(data, np.uint8, SIDE * SIDE, 24).reshape(SIDE, SIDE),
            keypoints=np.frombuffer(data, "<f4", 4 * count, places).reshape(count, 4).astype(np.float32),
            descriptors=np.frombuffer(data, np.uint8, DESCRIPTOR_LENGTH * count, looks).reshape(count, -1),
        )


def compute_features(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> ImageFeatures:
    """Return the features of gray (H, W) pixels: uint8 0-255, or float in [0, 1]."""
    thumbnail = squeeze_thumbnail(pixels)
    keypoints, descriptors = _describe(thumbnail)
    mirrored = np.ascontiguousarray(thumbnail[:, ::-1])
    return ImageFeatures(
        thumbnail=thumbnail,
        hashes=np.array([dct_hash(thumbnail), dct_hash(mirrored)], np.uint64),
        keypoints=keypoints,
        descriptors=descriptors,
    )


def squeeze_thumbnail(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return gray (H, W) pixels as uint8 (SIDE, SIDE), averaged when shrinking, whatever the aspect ratio."""
    shrinks = min(pixels.shape) >= SIDE
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if small.dtype != np.uint8:
        small = np.rint(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8)
    return small  # type: ignore[return-value]


def dct_hash(pixels: NDArray[np.uint8]) -> int:
    """Return the 64-bit DCT hash of gray pixels (as `covidcxr.imaging.phash`, bits most significant first)."""
    small = cv2.resize(pixels, (_HASH_SIDE, _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_HASH_FREQUENCIES, :_HASH_FREQUENCIES]
    return int.from_bytes(np.packbits((low > np.median(low)).ravel()).tobytes(), "big")


def mirror_keypoints(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (K, 4) keypoints of the mirror image."""
    mirrored = keypoints.copy()
    mirrored[:, 0] = (SIDE - 1) - mirrored[:, 0]
    mirrored[:, 3] = (180.0 - mirrored[:, 3]) % 360.0
    return mirrored


def mirror_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (K, 128) descriptors of the mirror image.

    Mirroring turns a descriptor's 4 x 4 cells over along the axis of the keypoint's angle and reverses the sense of
    its 8 directions, so that nothing has to be computed again.
    """
    cells = descriptors.reshape(-1, 4, 4, 8)
    turned: NDArray[np.uint8] = cells[:, ::-1][..., [0, 7, 6, 5, 4, 3, 2, 1]].reshape(-1, DESCRIPTOR_LENGTH)
    return np.ascontiguousarray(turned)


def _describe(thumbnail: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    clahe, sift = _tools()
    points, looks = sift.detectAndCompute(clahe.apply(thumbnail), None)
    if looks is None:
        return np.zeros((0, 4), np.float32), np.zeros((0, DESCRIPTOR_LENGTH), np.uint8)
    keypoints = np.array([(*point.pt, point.size, point.angle) for point in points], np.float32)
    strongest = np.argsort([-point.response for point in points], kind="stable")[:MAX_KEYPOINTS]
    return keypoints[strongest], np.rint(looks[strongest]).astype(np.uint8)


def _tools() -> tuple[cv2.CLAHE, cv2.SIFT]:
    """Return this thread's own: both keep what they work on in buffers that two threads would write at once."""
    known: tuple[cv2.CLAHE, cv2.SIFT] | None = getattr(_OF_THREAD, "tools", None)
    if known is None:
        clahe = cv2.createCLAHE(_CLAHE_LIMIT, (_CLAHE_TILES, _CLAHE_TILES))
        # Lower thresholds than Lowe's: a radiograph is smooth, and a scaled-down copy smoother still.
        sift = cv2.SIFT.create(nfeatures=MAX_KEYPOINTS, contrastThreshold=0.01, edgeThreshold=20, nOctaveLayers=2)
        known = _OF_THREAD.tools = clahe, sift
    return known
