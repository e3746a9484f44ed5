"""Tables as spreadsheets, R and hospitals save them: one reader takes them all, or says which line is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.csv_tables import open_table, read_decimal
from covidcxr.core.errors import TableError

TEXT = "Path;Größe\r\n a.png ;1,5\r\n;\r\n\r\nb.png;2\r\n;;\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_of_spreadsheets_are_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode(encoding))
    table = open_table(path)
    assert table.columns == ("Path", "Größe")
    assert [(row.line, row["Path"], row["Größe"]) for row in table] == [(2, "a.png", "1,5"), (5, "b.png", "2")]
    assert table.find("image", "path") == "Path"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [["1", "2"]]),
        ("a\tb\n1\t2,5\n", [["1", "2,5"]]),
        ("a|b\n1|2\n", [["1", "2"]]),
        ('"a;b",c\n1,2\n', [["1", "2"]]),
        ("sep=;\na;b\n1;2\n", [["1", "2"]]),
        ('a,b\n"two\nlines",2\n1\n', [["two\nlines", "2"], ["1", ""]]),
        ("a\n1\n", [["1"]]),
        ("a,b\n", []),
    ],
)
def test_delimiters_and_quoted_cells_are_found(text: str, rows: list[list[str]], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    table = open_table(path)
    assert [[row[name] for name in table.columns] for row in table] == rows


def test_a_cell_of_any_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"path,note\na.png,{'x' * 200_000}\nb.png,y\n")
    assert [len(row["note"]) for row in open_table(path)] == [200_000, 1]


def test_a_quotation_mark_that_never_closes_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('path,note\na.png,fine\nb.png,"open\nc.png,lost\n')
    with pytest.raises(TableError, match=r"t\.csv, line 3: a quotation mark that never closes"):
        open_table(path)


@pytest.mark.parametrize(
    ("data", "words"), [(b"PK\x03\x04rest", "Excel workbook"), (b"a\0\xff\0\0\0b", "neither UTF-8")]
)
def test_what_is_no_text_is_refused_by_name(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(TableError, match=words):
        open_table(tmp_path / "t.csv")


def test_two_columns_of_one_name_are_refused_with_both(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Path,path\na,b\n")
    with pytest.raises(TableError, match="line 1: the columns 'Path' and 'path' have one name"):
        open_table(tmp_path / "t.csv").find("path")


@pytest.mark.parametrize(("text", "value"), [("0,75", 0.75), ("0.75", 0.75), (" 1 ", 1.0)])
def test_decimal_commas_are_numbers(text: str, value: float) -> None:
    assert read_decimal(text) == value
