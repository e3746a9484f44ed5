from pathlib import Path

from covidcxr.core.digests import bytes_sha256, file_sha256, json_sha256


def test_the_digest_of_nothing_is_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4
    assert bytes_sha256(b"") == expected
    assert file_sha256(tmp_path / "empty") == expected


def test_the_order_of_keys_does_not_change_a_digest() -> None:
    assert json_sha256({"a": 1, "b": [1, 2]}) == json_sha256({"b": [1, 2], "a": 1})
    assert json_sha256([1, 2]) != json_sha256([2, 1])
