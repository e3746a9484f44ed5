"""Text that came from outside (file names, DICOM values, cells of tables), made harmless for the place where it goes.

JSON and the HTML templates escape by themselves. What goes to a terminal or a log is made `visible`, what goes into a
CSV file a `cell`, a Markdown text is passed through `without_html`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# Control and format characters, lone surrogates (bytes of a name that are not UTF-8), line and paragraph separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_TAG = re.compile(r"<(?!https?://[^\s<>]+>)")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what spreadsheets take for a formula (OWASP, CSV Injection)


def visible(text: str) -> str:
    r"""Return ``text`` on one line, with what moves the cursor, turns the writing or is no character as ``\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in _HIDDEN else character for character in text
    )


def encodable(text: str) -> str:
    r"""Return ``text`` with bytes that are not UTF-8 as ``\udce9``, so that every file and table can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cell(value: Any) -> str:
    r"""Return a value as a CSV cell that no spreadsheet takes for a formula; `from_cell` gives the text back.

    A carriage return, which Python's csv does not quote and readers take for the end of a row, is written as ``\r``.
    """
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = encodable(value).replace("\r", "\\r")
    return f"'{text}" if len(text) > 1 and _FORMULA.match(text) and not _is_number(text) else text


def cells(values: Iterable[Any]) -> list[str]:
    """Return values as `cell` does."""
    return [cell(value) for value in values]


def from_cell(text: str) -> str:
    """Return the text that `cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def without_html(markdown: str) -> str:
    """Return a whole Markdown text in which nothing is HTML but links to addresses (``<https://...>``)."""
    return _TAG.sub("&lt;", markdown)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
