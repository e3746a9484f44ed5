from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.sources.archives import Limits, unpack


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_the_top_folder_is_stripped_and_only_kept_parts_are_written(make, tmp_path: Path) -> None:
    members = {"top-1/metadata.csv": b"m", "top-1/images/a.png": b"a", "top-1/docs/x.md": b"x", "top-1/images2/b": b"b"}
    number = unpack(make(tmp_path / "a", members), tmp_path / "out", strip=1, keep=("metadata.csv", "images"))
    assert number == 2
    assert files(tmp_path / "out") == {"metadata.csv": b"m", "images/a.png": b"a"}


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil"])
def test_an_archive_that_climbs_out_is_refused(make, name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="refused; the archive is not what its origin publishes"):
        unpack(make(tmp_path / "a", {name: b"evil"}), tmp_path / "out" / "deep")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("name", "strip", "expected"),
    [
        (".../evil.txt", 0, ".../evil.txt"),
        ("top/.../evil.txt", 1, ".../evil.txt"),
        ("..../evil.txt", 0, "..../evil.txt"),
        (".hidden/x", 0, ".hidden/x"),
        ("./.hidden", 0, ".hidden"),
        ("top/..hidden", 1, "..hidden"),
        (". /x", 0, ". /x"),
    ],
)
def test_names_that_begin_with_dots_keep_them_and_stay_inside(
    make, name: str, strip: int, expected: str, tmp_path: Path
) -> None:
    target = tmp_path / "deep" / "out"
    unpack(make(tmp_path / "a", {name: b"x"}), target, strip=strip)
    assert files(tmp_path / "deep") == {f"out/{expected}": b"x"}


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("members", "strip", "words"),
    [
        (["a/x", "b/x"], 1, "two members that are both unpacked to 'x'"),
        (["a", "a/x"], 0, "'a' that is a file, and a folder to 'a/x'"),
        (["a/x", "a"], 0, "'a' that is a file, and a folder to others"),
    ],
)
def test_members_that_would_take_each_others_place_are_refused(
    make, members: list[str], strip: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=words):
        unpack(make(tmp_path / "a", dict.fromkeys(members, b"x")), tmp_path / "out", strip=strip)


def test_nothing_is_written_through_a_link_that_lies_in_the_target(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "dir").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="a link inside it leads 'dir/x' out of it"):
        unpack(zip_of(tmp_path / "a", {"dir/x": b"x"}), tmp_path / "out")
    assert files(tmp_path / "elsewhere") == {}


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("real", b"r")
    assert unpack(tmp_path / "a", tmp_path / "out") == 1
    assert files(tmp_path / "out") == {"real": b"r"}
    assert not (tmp_path / "out/link").is_symlink()


def test_links_and_devices_in_a_tar_are_left_out_and_nothing_is_written_through_them(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w:gz") as archive:
        for name, kind, target in (("dir", tarfile.SYMTYPE, str(tmp_path)), ("hard", tarfile.LNKTYPE, "/etc/passwd")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
        device = tarfile.TarInfo("null")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
        through = tarfile.TarInfo("dir/inside")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"i"))
    assert unpack(tmp_path / "a", tmp_path / "out") == 1
    assert files(tmp_path / "out") == {"dir/inside": b"i"}
    assert not (tmp_path / "inside").exists()


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(max_bytes=1000), "more than 1000 bytes"),
        (Limits(max_members=2), "more than 2 members"),
        (Limits(max_ratio=5, ratio_from_bytes=10_000), "more than 5 times"),
    ],
)
def test_a_bomb_is_refused(make, limits: Limits, message: str, tmp_path: Path) -> None:
    bomb = make(tmp_path / "a", {name: bytes(100_000) for name in "abc"})
    with pytest.raises(SourceError, match=message):
        unpack(bomb, tmp_path / "out", limits=limits)
    assert sum(len(data) for data in files(tmp_path / "out").values()) <= 300_000


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_half_an_archive_is_an_error_with_a_next_step(make, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", {name: name.encode() * 5000 for name in "abcdef"})
    archive.write_bytes(archive.read_bytes()[:120])
    with pytest.raises(SourceError, match="not a whole ZIP or TAR archive.*fetch it again"):
        unpack(archive, tmp_path / "out")


def test_a_text_page_instead_of_an_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("<html>please log in</html>", encoding="utf-8")
    with pytest.raises(SourceError, match="not a whole ZIP or TAR archive"):
        unpack(tmp_path / "a", tmp_path / "out")
