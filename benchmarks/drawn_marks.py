"""How many films with real drawn marks are caught, and how many good frontal films are lost.

No film with a real mark was learned from; of the clean films those of covid-chestxray-dataset in odd folds, and the
children that were not drawn for training, are new to the network ("unseen"). Bars: 85 % caught, at most 2 % lost.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.record import versions, write_result
from benchmarks.views import labelled_films
from covidcxr.imaging.drawn_marks import mark_score
from covidcxr.imaging.picture_checks import MIN_MARKS
from covidcxr.imaging.reading import read_gray8

THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def main() -> None:
    """Score every labelled film that is not CT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    films = [film for film in labelled_films(options.sources) if film.view in {"frontal", "lateral"}]
    scores = np.array([mark_score(read_gray8(film.path).as_uint8()) for film in films])
    marked = np.array([film.marks not in {"none", "margin"} for film in films])
    clean = np.array([film.marks == "none" and film.view == "frontal" for film in films])
    unseen = np.array([film.source == "covid-chestxray-dataset" and film.fold % 2 == 1 for film in films])
    figures: dict[str, Any] = {"threshold": MIN_MARKS, "num_marked": int(marked.sum())}
    for threshold in (MIN_MARKS, *THRESHOLDS):
        caught = scores >= threshold
        figures["at_threshold" if threshold is MIN_MARKS else f"at_{threshold}"] = {
            "caught": int((caught & marked).sum()),
            "recall": round(float(caught[marked].mean()), 4),
            "clean_lost": {
                group: f"{int((caught & rows).sum())} of {int(rows.sum())}"
                for group, rows in (
                    ("all", clean),
                    ("unseen covid-chestxray-dataset", clean & unseen),
                    *((name, clean & np.array([film.source == name for film in films])) for name in _sources(films)),
                )
            },
        }
    kinds = sorted({film.marks for film in films} - {"none"})
    figures["caught_by_kind"] = {
        kind: f"{sum(scores[row] >= MIN_MARKS for row in rows)} of {len(rows)}"
        for kind in kinds
        if (rows := [row for row, film in enumerate(films) if film.marks == kind])
    }
    figures["missed"] = [films[row].key for row in np.flatnonzero(marked & (scores < MIN_MARKS))]
    figures["lost"] = [films[row].key for row in np.flatnonzero(clean & (scores >= MIN_MARKS))]
    write_result("drawn_marks", figures, versions=versions("onnxruntime", "opencv-python-headless"))


def _sources(films: list[Any]) -> list[str]:
    return sorted({film.source for film in films})


if __name__ == "__main__":
    main()
