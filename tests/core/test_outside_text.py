from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core.outside_text import cell, encodable, from_cell, visible, without_html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("image [bold]é 新冠.png", "image [bold]é 新冠.png"),
        ("a\nok  b.png", "a\\nok  b.png"),
        ("\x1b[2Ja\x07.png", "\\x1b[2Ja\\x07.png"),
        ("gnp.\u202eexe", "gnp.\\u202eexe"),
        (b"caf\xe9.png".decode("utf-8", "surrogateescape"), "caf\\udce9.png"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_moves_a_cursor_or_is_no_character_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode("utf-8")


@pytest.mark.parametrize("text", ["=1+1", "+49", "@SUM(A1)", "-2+3", "\tx", "'=1", '=HYPERLINK("http://x")'])
def test_no_cell_is_a_formula_and_the_text_comes_back(text: str) -> None:
    written = cell(text)
    assert written == text or written.startswith("'")
    assert written[0] not in "=@\t" or written == text
    assert from_cell(written) == text


@pytest.mark.parametrize("text", ["-2", "+1.5", "-1e3", "-", "", "a=b", "'quoted'"])
def test_numbers_and_ordinary_text_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_every_text_survives_a_table(text: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerow([cell(text), "x"])
    (row,) = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert from_cell(row[0]) == text.replace("\r", "\\r")


def test_bytes_that_are_not_utf8_can_be_written() -> None:
    assert encodable(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\udce9"


def test_markdown_keeps_links_and_loses_html() -> None:
    text = without_html("> **a** <https://example.org/x> <script>alert(1)</script> <img src=x>")
    assert text == "> **a** <https://example.org/x> &lt;script>alert(1)&lt;/script> &lt;img src=x>"
