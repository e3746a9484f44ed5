from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from covidcxr.core.errors import OutputError
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.outputs.html import drawings_of, render_page, write_page
from page_builders import page

_VOID = {"meta", "img", "br", "hr", "link", "input"}


class Balance(HTMLParser):
    """Counts open elements of HTML, outside drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value) for name, value in attrs if name in {"src", "href", "xlink:href"}]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_needs_nothing_beside_it_and_runs_no_script() -> None:
    html = render_page(page())
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    outside = [value for name, value in parser.attributes if value and not value.startswith(("#", "data:image/"))]
    assert outside == []
    assert "<script" not in html
    assert "@import" not in html
    assert "url(http" not in html


def test_words_from_outside_are_escaped() -> None:
    html = render_page(page(title="<script>alert(1)</script> & more"))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html


def test_every_report_says_what_it_may_be_used_for() -> None:
    html = render_page(page())
    assert html.count(NOTICE) >= 2
    assert SYNTHETIC_NOTICE not in html


def test_synthetic_data_are_announced_before_anything_else() -> None:
    html = render_page(page(synthetic=True))
    assert 0 < html.index(SYNTHETIC_NOTICE) < html.index("<h1>")


def test_tables_and_figures_are_numbered_in_reading_order() -> None:
    html = render_page(page())
    assert re.findall(r"<b>(Table \d)\.", html) == ["Table 1", "Table 2"]
    assert "<b>Figure 1. Confusion matrix.</b>" in html
    assert 'href="#pictures"' in html
    assert 'id="pictures"' in html


def test_the_verdict_and_what_would_change_it_stand_in_the_headline() -> None:
    html = render_page(page())
    headline = html[html.index('class="headline"') : html.index("<nav")]
    for words in ("Right in 85 %.", "not believable", "children against adults", "adult controls", "0.850"):
        assert words in headline


def test_drawings_are_inside_with_the_pages_colours_and_a_text_for_the_blind() -> None:
    html = render_page(page())
    assert html.count("<svg") == 1
    assert "var(--ink" in html
    assert 'role="img" aria-label="Confusion matrix.' in html
    assert len(drawings_of(page())) == 1


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_page(page(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="report.html"):
        write_page(page(), tmp_path / "file" / "report.html")
