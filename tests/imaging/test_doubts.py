from __future__ import annotations

from covidcxr.imaging.doubts import doubt_sentences, is_doubt


def test_images_are_counted_once_per_kind_and_wordings_by_how_common_they_are() -> None:
    one, two = "gray-values: 12 used", "gray-values: 14 used"
    sentences = doubt_sentences([(one,), (one, one, "overlay left out"), (two, "damaged: 3 lines"), ("pixels", "")])
    assert sentences == (
        "3 images were read with a warning (gray-values): 2 x 12 used; 1 x 14 used.",
        "1 images were read with a warning (damaged): 1 x 3 lines.",
    )
    assert not is_doubt("overlay left out")


def test_wordings_beyond_three_are_counted() -> None:
    (sentence,) = doubt_sentences([(f"header: wording {number}",) for number in range(5)])
    assert sentence.endswith("; and 2 other wordings.")
