from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.download import CHUNK_BYTES, download
from covidcxr.core.errors import OutputError, SourceError
from http_origin import Origin, serving

DATA = np.random.default_rng(0).bytes(3 * CHUNK_BYTES + 1234)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(Origin(files={"/a.zip": DATA})) as served:
        yield served


def test_a_file_arrives_verified_and_leaves_nothing_else(origin: Origin, tmp_path: Path) -> None:
    target = download(f"{origin.url}/a.zip", tmp_path / "in" / "a.zip", size=len(DATA), sha256=SHA256)
    assert target.read_bytes() == DATA
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.zip"]


def test_a_file_that_is_there_and_verifies_is_not_asked_for_again(origin: Origin, tmp_path: Path) -> None:
    for _ in range(2):
        download(f"{origin.url}/a.zip", tmp_path / "a.zip", sha256=SHA256)
    assert len(origin.requests) == 1


def test_a_dropped_line_goes_on_where_it_stopped(origin: Origin, tmp_path: Path) -> None:
    origin.drop_after, origin.drops = CHUNK_BYTES + 7, 2
    target = download(f"{origin.url}/a.zip", tmp_path / "a.zip", sha256=SHA256, pause_seconds=0)
    assert target.read_bytes() == DATA
    assert origin.sent == len(DATA)
    ranges = [asked for _, asked in origin.requests]
    assert ranges[0] is None
    assert all(asked and asked.startswith("bytes=") for asked in ranges[1:])


def test_a_later_call_goes_on_from_what_an_interrupted_one_left(origin: Origin, tmp_path: Path) -> None:
    origin.drop_after, origin.drops = CHUNK_BYTES, 1
    with pytest.raises(SourceError, match=r"dropped 1 times.*kept in .*a\.zip\.part; run the same command again"):
        download(f"{origin.url}/a.zip", tmp_path / "a.zip", attempts=1)
    assert (tmp_path / "a.zip.part").stat().st_size == CHUNK_BYTES
    assert not (tmp_path / "a.zip").exists()
    download(f"{origin.url}/a.zip", tmp_path / "a.zip", sha256=SHA256)
    assert origin.requests[-1] == ("/a.zip", f"bytes={CHUNK_BYTES}-")
    assert origin.sent == len(DATA)


def test_a_file_that_changed_at_the_origin_is_fetched_from_its_start(origin: Origin, tmp_path: Path) -> None:
    origin.drop_after, origin.drops = CHUNK_BYTES, 1
    with pytest.raises(SourceError):
        download(f"{origin.url}/a.zip", tmp_path / "a.zip", attempts=1)
    origin.files["/a.zip"] = changed = DATA[::-1]
    assert download(f"{origin.url}/a.zip", tmp_path / "a.zip").read_bytes() == changed


def test_an_origin_that_cannot_resume_sends_everything_again(origin: Origin, tmp_path: Path) -> None:
    origin.ranges, origin.drop_after, origin.drops = False, CHUNK_BYTES, 1
    target = download(f"{origin.url}/a.zip", tmp_path / "a.zip", pause_seconds=0, sha256=SHA256)
    assert target.read_bytes() == DATA


def test_a_partial_file_longer_than_the_origins_is_started_anew(origin: Origin, tmp_path: Path) -> None:
    origin.drop_after, origin.drops = CHUNK_BYTES, 1
    with pytest.raises(SourceError):
        download(f"{origin.url}/a.zip", tmp_path / "a.zip", attempts=1)
    with (tmp_path / "a.zip.part").open("ab") as stream:
        stream.write(b"x" * (2 * len(DATA)))
    assert download(f"{origin.url}/a.zip", tmp_path / "a.zip").read_bytes() == DATA


@pytest.mark.parametrize(
    ("expected", "message"),
    [({"sha256": "0" * 64}, f"SHA-256 is {SHA256}, expected 0000"), ({"size": 7}, "expected 7")],
)
def test_other_bytes_than_expected_are_thrown_away(
    origin: Origin, tmp_path: Path, expected: dict[str, object], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        download(f"{origin.url}/a.zip", tmp_path / "a.zip", **expected)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_names_its_address_and_the_status(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"/b\.zip: refused with HTTP 404 \(Not Found\); the origin has moved"):
        download(f"{origin.url}/b.zip", tmp_path / "b.zip")


def test_no_network_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port}: cannot be reached .*check the network"):
        download(f"http://127.0.0.1:{port}/a.zip", tmp_path / "a.zip")


def test_only_http_addresses_are_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not yours", encoding="utf-8")
    with pytest.raises(SourceError, match="not an http or https address"):
        download(f"file://{tmp_path}/secret", tmp_path / "a.zip")


def test_a_place_that_cannot_be_written_is_an_output_error(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        download(f"{origin.url}/a.zip", tmp_path / "file" / "a.zip")
