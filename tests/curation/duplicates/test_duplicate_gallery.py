from __future__ import annotations

from pathlib import Path

from fabricated_films import film

from covidcxr.curation.duplicates import find_duplicates
from covidcxr.curation.duplicates.gallery import write_gallery


def test_the_page_shows_both_films_their_score_and_a_label_conflict(tmp_path: Path) -> None:
    films = {"s:<one>": film(1), "s:two": film(1)[8:240, 8:240], "s:three": film(3)}
    found = find_duplicates(list(films.values()), list(films), workers=1)
    page = tmp_path / "pairs.html"
    write_gallery(
        page, found, films.__getitem__, title="Pairs & copies", labels={"s:<one>": "Normal", "s:two": "Pneumonia"}
    )
    text = page.read_text(encoding="utf-8")
    assert text.count("src='data:image/jpeg;base64,") == 2
    assert "s:&lt;one&gt; · Normal" in text
    assert "s:three" not in text
    assert f"{found.pairs[0].score:.3f}" in text
    assert "1 of them with two labels" in text
    assert "http" not in text.replace("https://", "")
    assert "Pairs &amp; copies" in text


def test_pairs_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    found = find_duplicates([film(1), film(1), film(1)], ["a", "b", "c"], workers=1)
    write_gallery(tmp_path / "page.html", found, lambda _: film(1), title="Pairs", max_pairs=1)
    assert "2 more are not shown" in (tmp_path / "page.html").read_text(encoding="utf-8")
