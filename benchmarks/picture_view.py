"""Fit the view classifier and measure it on images labelled by eye and on photographs.

Five folds keep patients together and hold NIH, Figure1 and Actualmed out whole. Photographs are those that
scikit-image ships, in folds as well, and with ``--photos`` any folder of pictures, never learned from
(results/picture_view.json was made with the sample pictures of Debian's opencv-doc 4.6).
Bars: CT and natural images 99 % caught, laterals 95 %, at most 2 % of good frontal images lost. ``--write`` stores the
weights, fitted on everything, in the package.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.record import versions, write_result
from benchmarks.views import NUM_FOLDS, LabelledFilm, labelled_films, squeezed
from covidcxr.imaging.screening.view import KINDS, MIN_FRONTAL, view_features
from covidcxr.shipped.not_radiographs import draw_other_picture
from covidcxr.shipped.view.fit import ViewFit, collage, probabilities, store, vary

SIDE = 256
OTHERS = (0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
LABEL = {"frontal": 0, "": 0, "lateral": 1, "ct": 2}
Rows = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def training_rows(films: list[LabelledFilm], pixels: NDArray[np.uint8]) -> Rows:
    """Return features, kinds and folds (-1: always) of images, varied images, negatives and other pictures."""
    rng = np.random.default_rng(0)
    rows: list[tuple[NDArray[np.float32], int, int]] = []
    children = [row for row, film in enumerate(films) if film.source == "chest-xray-pneumonia"]
    few = set(rng.choice(children, min(2500, len(children)), replace=False).tolist())
    for row, film in enumerate(films):
        kind = LABEL[film.view]
        if kind == 0 and (film.source != "chest-xray-pneumonia" or row in few):
            rows.append((view_features(pixels[row]), 0, film.fold))
            if rng.random() < 0.7:
                rows.append((view_features(vary(pixels[row], rng)), 0, film.fold))
            if rng.random() < 0.3:
                rows.append((view_features(255 - vary(pixels[row], rng)), 4, film.fold))
        elif kind:
            turn, upside = (12.0, False) if kind == 1 else (15.0, True)
            for _ in range(45):
                rows.append((view_features(vary(pixels[row], rng, turn=turn, upside=upside)), kind, film.fold))
    for fold in range(NUM_FOLDS):
        own = np.array([row for row, film in enumerate(films) if film.fold == fold and LABEL[film.view] == 0])
        rows.extend((view_features(collage(pixels, own, rng)), 5, fold) for _ in range(240))
    rows.extend((view_features(draw_other_picture(rng, 128)), 3, -1) for _ in range(4000))
    return np.stack([row[0] for row in rows]), np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def photographs(folder: Path | None) -> list[tuple[str, NDArray[np.uint8], int]]:
    """Return name, gray pixels and fold of the photographs, at least 64 pixels each way.

    Those of scikit-image are spread over the folds; those of ``folder`` have the fold -1: never learned from.
    """
    import skimage

    places = [(Path(skimage.__file__).parent / "data", True), *([(folder, False)] if folder else [])]
    found: list[tuple[str, NDArray[np.uint8], int]] = []
    for place, learned in places:
        for path in sorted(path for path in place.rglob("*") if path.suffix.lower() in {".png", ".jpg", ".jpeg"}):
            try:
                gray = np.asarray(Image.open(path).convert("L"))
            except OSError:
                continue
            if min(gray.shape) >= 64:
                found.append((path.name, gray, len(found) % NUM_FOLDS if learned else -1))
    return found


def photo_rows(photos: list[tuple[str, NDArray[np.uint8], int]]) -> Rows:
    """Return features, kinds and folds of random crops of the photographs that have a fold."""
    rng = np.random.default_rng(1)
    rows = []
    for _, gray, fold in photos:
        for _ in range(50 if fold >= 0 else 0):
            share = rng.uniform(0.3, 1.0)
            size = [max(48, int(share * side)) for side in gray.shape]
            top, left = (
                int(rng.integers(0, max(1, full - part + 1))) for full, part in zip(gray.shape, size, strict=True)
            )
            part = cv2.resize(
                gray[top : top + size[0], left : left + size[1]], (128, 128), interpolation=cv2.INTER_AREA
            )
            rows.append((view_features(vary(part, rng)), 3, fold))
    return np.stack([row[0] for row in rows]), np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def figures(
    films: list[LabelledFilm],
    scores: NDArray[np.float64],
    photos: list[str],
    photo_scores: NDArray[np.float64],
    threshold: float = MIN_FRONTAL,
) -> dict[str, Any]:
    """Return what is caught and what is lost where less than ``threshold`` is not frontal."""
    caught = scores[:, 0] < threshold
    views = np.array([film.view or "not labelled" for film in films])
    result: dict[str, Any] = {}
    for view in ("lateral", "ct"):
        rows = views == view
        missed = [films[row].key for row in np.flatnonzero(rows & ~caught)]
        named = int((scores[rows].argmax(axis=1) == LABEL[view]).sum())
        result[view] = {"num": int(rows.sum()), "caught": int(caught[rows].sum()), "named": named, "missed": missed}
    missed_photos = [photos[row] for row in np.flatnonzero(photo_scores[:, 0] >= threshold)]
    result["natural"] = {"num": len(photos), "caught": len(photos) - len(missed_photos), "missed": missed_photos}
    for source in sorted({film.source for film in films}):
        rows = np.array([film.source == source and LABEL[film.view] == 0 for film in films])
        lost = [films[row].key for row in np.flatnonzero(rows & caught)]
        result[f"frontal/{source}"] = {"num": int(rows.sum()), "lost": len(lost), "keys": lost}
    return result


def summary(result: dict[str, Any]) -> dict[str, int]:
    """Return only how many were caught and lost."""
    caught = {name: values["caught"] for name, values in result.items() if "caught" in values}
    return caught | {"frontal_lost": sum(values["lost"] for values in result.values() if "lost" in values)}


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--cache", type=Path, help=".npy file that keeps the squeezed images")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    films = labelled_films(options.sources)
    pixels = squeezed(films, SIDE, options.cache)
    photos = photographs(options.photos)
    parts = zip(training_rows(films, pixels), photo_rows(photos), strict=True)
    features, kinds, folds = (np.concatenate(pair) for pair in parts)
    fit = ViewFit(features)
    own = np.stack([view_features(film) for film in pixels])
    photo_features, photo_folds = (
        np.stack([view_features(gray) for _, gray, _ in photos]),
        np.array([f for *_, f in photos]),
    )
    scores, photo_scores = np.zeros((len(films), len(KINDS))), np.zeros((len(photos), len(KINDS)))
    film_folds = np.array([film.fold for film in films])
    synthetic = {"inverted": 4, "collage": 5}
    drawn: dict[str, list[float]] = {name: [] for name in synthetic}
    for fold in range(NUM_FOLDS):
        weights = fit.weights(features[folds != fold], kinds[folds != fold])
        photo_scores[photo_folds == fold] = probabilities(photo_features[photo_folds == fold], weights)
        scores[film_folds == fold] = probabilities(own[film_folds == fold], weights)
        for name, kind in synthetic.items():
            rows = (folds == fold) & (kinds == kind)
            drawn[name] += probabilities(features[rows], weights)[:, 0].tolist()
    weights = fit.weights(features, kinds)
    photo_scores[photo_folds < 0] = probabilities(photo_features[photo_folds < 0], weights)
    names = [name for name, *_ in photos]
    if options.write:
        store(weights)
    write_result(
        "picture_view",
        {
            "threshold": MIN_FRONTAL,
            **figures(films, scores, names, photo_scores),
            **{
                name: {"num": len(values), "caught": sum(value < MIN_FRONTAL for value in values)}
                for name, values in drawn.items()
            },
            "other_thresholds": {
                str(other): summary(figures(films, scores, names, photo_scores, other)) for other in OTHERS
            },
        },
        num_training_rows=len(features),
        versions=versions("scikit-learn", "opencv-python-headless", "numpy"),
    )


if __name__ == "__main__":
    main()
