"""Hostile and broken archives: refused with a reason, and nothing is left inside or outside."""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from folders import fail_at
from viewfinder.core.errors import DataError, OutputError
from viewfinder.fetch.archives import members as limits
from viewfinder.fetch.archives.members import Limits, member_parts
from viewfinder.fetch.archives.unpack import unpack

Members = Sequence[tuple[str, bytes]]
GOOD = [("cats/1.jpg", b"cat"), ("dogs/2.jpg", b"dog" * 1000), ("notes.txt", b"")]


def make_zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names, which some tests want
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name  # ZipInfo itself would clean the name
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


Maker = Callable[[Path, Members], Path]
both = pytest.mark.parametrize("make", [make_zip, make_tar])


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refusal(archive: Path, *, limits: Limits | None = None) -> DataError:
    """The error of unpacking; nothing may have appeared anywhere near."""
    above = archive.parent.parent
    before = sorted(above.rglob("*"))
    with pytest.raises(DataError) as caught:
        unpack(archive, archive.parent / "out", limits=limits)
    assert sorted(above.rglob("*")) == before
    return caught.value


@both
def test_what_is_in_it_comes_out(tmp_path: Path, make: Maker) -> None:
    unpack(make(tmp_path / "archive", GOOD), tmp_path / "new" / "out")
    assert files(tmp_path / "new" / "out") == dict(GOOD)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"out"}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tars_are_told_by_content(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    plain = make_tar(tmp_path / "plain", GOOD).read_bytes()
    (tmp_path / "archive.dat").write_bytes(compress(plain))
    unpack(tmp_path / "archive.dat", tmp_path / "out")
    assert files(tmp_path / "out") == dict(GOOD)


def test_a_tar_whose_last_member_is_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", GOOD).read_bytes()
    unpack(make_tar(tmp_path / "archive", [("inner.zip", inner)]), tmp_path / "out")
    assert files(tmp_path / "out") == {"inner.zip": inner}


def test_empty_folders_and_names_of_windows_tools_are_understood(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [("train/", b""), (r"train\cats\1.jpg", b"cat")])
    unpack(archive, tmp_path / "out")
    assert files(tmp_path / "out") == {"train/cats/1.jpg": b"cat"}
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in (".", "./empty"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
    unpack(tmp_path / "a.tar", tmp_path / "tar")
    assert [path.name for path in (tmp_path / "tar").iterdir()] == ["empty"]


def test_permissions_of_members_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind, mode in [("d", tarfile.DIRTYPE, 0o000), ("d/f", tarfile.REGTYPE, 0o6777)]:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, mode
            archive.addfile(info)
    unpack(tmp_path / "a.tar", tmp_path / "out")
    (tmp_path / "usual").touch()
    assert (tmp_path / "out/d/f").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "out/d").stat().st_mode == tmp_path.stat().st_mode & ~0o077 | (
        (tmp_path / "out").stat().st_mode & 0o077
    )


BAD_NAMES = [
    ("../evil.txt", "leads outside"),
    ("a/../../evil.txt", "leads outside"),
    (r"..\evil.txt", "leads outside"),
    ("a/..", "leads outside"),
    ("/etc/evil.txt", "is an absolute name"),
    (r"\\server\share\evil.txt", "is an absolute name"),
    ("C:/evil.txt", "is an absolute name"),
    ("c:evil.txt", "is an absolute name"),
    ("evil\n.txt", "has control characters"),
    ("evil\x1b[2J.txt", "has control characters"),
    ("x" * 256, "is too long"),
    ("x/" * 600 + "x", "is too long"),
]


@both
@pytest.mark.parametrize(("name", "why"), BAD_NAMES)
def test_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, make: Maker, name: str, why: str
) -> None:
    (tmp_path / "in").mkdir()
    error = refusal(make(tmp_path / "in" / "archive", [*GOOD, (name, b"evil")]))
    assert why in error.fact
    assert error.fact.startswith(f"{tmp_path / 'in' / 'archive'} is refused: ")
    assert error.expected
    assert error.remedy


def test_a_name_behind_a_zero_byte_is_refused(tmp_path: Path) -> None:
    """`zipfile` shows the part before it only."""
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", [("good.jpgXevil", b"x")])
    archive.write_bytes(archive.read_bytes().replace(b"good.jpgXevil", b"good.jpg\0evil"))
    assert "control characters" in refusal(archive).fact


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    error = refusal(make_tar(tmp_path / "in" / "a.tar", [("a\udcff.jpg", b"x")]))
    assert "not Unicode" in error.fact


@both
@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("a.jpg", "a.jpg", "occurs twice"),
        ("a.jpg", "./a.jpg", "occurs twice"),
        ("a.jpg", "A.JPG", "the same name on some systems"),
        ("cats/1.jpg", "Cats/2.jpg", "the same name on some systems"),
        ("\u00e9.jpg", "e\u0301.jpg", "the same name on some systems"),
        ("a", "a.", "the same name on some systems"),
        ("a", "a/b", "occurs twice"),
        ("a/b", "a", "occurs twice"),
        ("a/b", "A", "the same name on some systems"),
    ],
)
def test_names_that_some_systems_take_for_one_are_refused(
    tmp_path: Path, make: Maker, first: str, second: str, why: str
) -> None:
    (tmp_path / "in").mkdir()
    assert why in refusal(make(tmp_path / "in" / "a", [(first, b"1"), (second, b"2")])).fact


def tar_with(path: Path, kind: bytes, target: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("member")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return path


@pytest.mark.parametrize(
    ("kind", "target", "received"),
    [
        (tarfile.SYMTYPE, "/etc", "a link"),
        (tarfile.SYMTYPE, "good.jpg", "a link"),
        (tarfile.LNKTYPE, "../../secret", "a link"),
        (tarfile.CHRTYPE, "", "a device"),
        (tarfile.BLKTYPE, "", "a device"),
        (tarfile.FIFOTYPE, "", "a device"),
    ],
)
def test_links_and_devices_in_tars_are_refused(
    tmp_path: Path, kind: bytes, target: str, received: str
) -> None:
    (tmp_path / "in").mkdir()
    error = refusal(tar_with(tmp_path / "in" / "a.tar", kind, target))
    assert error.expected == "files and folders only"
    assert error.received == received


@pytest.mark.parametrize(
    ("mode", "received"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device")]
)
def test_links_and_devices_in_zips_are_refused(tmp_path: Path, mode: int, received: str) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("member")
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert refusal(tmp_path / "in" / "a.zip").received == received


def patched(archive: Path, *, local: int, central: int, form: str, value: int) -> Path:
    """Overwrite a field of a one-member zip in both of its headers."""
    content = bytearray(archive.read_bytes())
    struct.pack_into(form, content, content.index(b"PK\3\4") + local, value)
    struct.pack_into(form, content, content.index(b"PK\1\2") + central, value)
    archive.write_bytes(content)
    return archive


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", [("a.jpg", b"secret")])
    error = refusal(patched(archive, local=6, central=8, form="<H", value=1))
    assert "'a.jpg' is encrypted" in error.fact
    assert "password" in (error.remedy or "")


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", [("a.jpg", b"content")])
    error = refusal(patched(archive, local=8, central=10, form="<H", value=97))
    assert "compressed by a method that is not supported" in error.fact


@pytest.mark.parametrize("size", [3, 5000])
def test_a_member_that_is_not_as_long_as_declared_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", [("a.jpg", b"content" * 100)])
    refusal(patched(archive, local=22, central=24, form="<I", value=size))


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "bomb.zip", [("zeros", bytes(2_000_000))])
    monkeypatch.setattr(limits, "HARMLESS_BYTES", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    error = refusal(archive)
    assert error.expected == "at most 1,000,000 bytes"
    assert error.received == "2,000,000 bytes or more"


def test_a_bomb_of_overlapping_members_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many entries of the list lead to the same packed bytes."""
    (tmp_path / "in").mkdir()
    archive = make_zip(tmp_path / "in" / "a.zip", [(f"{n:03}", bytes(200_000)) for n in range(50)])
    content = bytearray(archive.read_bytes())
    at = -1
    while (at := content.find(b"PK\1\2", at + 1)) >= 0:
        struct.pack_into("<I", content, at + 42, 0)
    archive.write_bytes(content)
    monkeypatch.setattr(limits, "HARMLESS_BYTES", 1_000_000)
    assert "too large" in refusal(archive).fact


def test_a_tar_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    plain = make_tar(tmp_path / "plain", [("zeros", bytes(2_000_000))]).read_bytes()
    (tmp_path / "in" / "bomb.tar.gz").write_bytes(gzip.compress(plain))
    monkeypatch.setattr(limits, "HARMLESS_BYTES", 1_000_000)
    assert "too large" in refusal(tmp_path / "in" / "bomb.tar.gz").fact


def test_a_bomb_behind_the_end_of_a_tar_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    plain = make_tar(tmp_path / "plain", GOOD).read_bytes() + bytes(30_000_000)
    (tmp_path / "in" / "bomb.tar.gz").write_bytes(gzip.compress(plain))
    monkeypatch.setattr(limits, "HARMLESS_BYTES", 1_000_000)
    assert "too large" in refusal(tmp_path / "in" / "bomb.tar.gz").fact


def test_a_huge_header_of_a_tar_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "plain", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.jpg")
        info.pax_headers = {"comment": "x" * 4_000_000}
        archive.addfile(info)
    (tmp_path / "in" / "a.tar.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    assert "one of its headers is too large" in refusal(tmp_path / "in" / "a.tar.gz").fact


@both
def test_limits_are_kept(tmp_path: Path, make: Maker) -> None:
    (tmp_path / "in").mkdir()
    archive = make(tmp_path / "in" / "a", GOOD)
    assert "too many members" in refusal(archive, limits=Limits(members=2)).fact
    assert "too large" in refusal(archive, limits=Limits(bytes=3002)).fact
    unpack(archive, tmp_path / "out", limits=Limits(members=3, bytes=3003))


@both
def test_a_cut_off_archive_is_refused_at_every_length(tmp_path: Path, make: Maker) -> None:
    (tmp_path / "in").mkdir()
    archive = make(tmp_path / "in" / "a", GOOD)
    content = archive.read_bytes()
    end = content.rstrip(b"\0")
    for length in [*range(0, len(end), 97), *range(0, len(end), 512)]:
        archive.write_bytes(content[:length])
        refusal(archive)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_or_cut_off_compressed_tar_is_refused(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "a"
    packed = compress(make_tar(tmp_path / "plain", GOOD).read_bytes())
    for damaged in (packed[: len(packed) // 2], packed[:-1], packed[:-5] + b"wrong"):
        archive.write_bytes(damaged)
        refusal(archive)


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = make_tar(tmp_path / "in" / "a.tar", GOOD)
    content = bytearray(archive.read_bytes())
    content[1024 + 3] ^= 1  # in the second member's name, so that its checksum is wrong
    archive.write_bytes(content)
    assert "end mark is missing at byte 1,024" in refusal(archive).fact


def test_a_terabyte_of_zeros_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "a.tar"
    with archive.open("wb") as file:
        file.truncate(1 << 40)
    assert "the tar's end mark at byte 0 is too large" in refusal(archive).fact


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"\x1f\x8b\x08", gzip.compress(b"one file", mtime=0)],
    ids=["empty", "picture", "cut-gzip", "one-gzipped-file"],  # gzip carries the time of packing
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(content)
    refusal(tmp_path / "in" / "a.zip")


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "No such file" in refusal(tmp_path / "in" / "a.zip").fact


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_is_there_is_never_touched(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputError, match="exists already"):
        unpack(make_zip(tmp_path / "a.zip", GOOD), target)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "out"}


@both
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / "a", GOOD)
    fail_at(monkeypatch, "2.jpg", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(OutputError, match="No space left on device"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "a", GOOD)
    fail_at(monkeypatch, "2.jpg", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


PIECES = st.sampled_from(["..", ".", "", "a", "A", "b.jpg", "C:", "é", "e\u0301", "x" * 300, "\0"])
NAMES = st.one_of(
    st.text(max_size=20),
    st.lists(PIECES, max_size=5).flatmap(
        lambda pieces: st.sampled_from("/\\").map(lambda slash: slash.join(pieces))
    ),
)


@given(NAMES)
@example("a/b")
def test_an_admitted_name_stays_inside(name: str) -> None:
    """Held against what the operating system makes of the path."""
    try:
        parts = member_parts(name)
    except DataError:
        return
    inside = os.path.normpath(os.path.join("/folder", *parts))  # noqa: PTH118
    assert inside == "/folder" or inside.startswith("/folder/")
    assert inside.count("/") == 1 + len(parts)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=6), st.sampled_from("zt"))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_names_all_comes_out_or_nothing(
    members: list[tuple[str, bytes]], kind: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            archive = (make_zip if kind == "z" else make_tar)(folder / "a", members)
        except (ValueError, UnicodeError, OSError):
            return  # the writer itself refuses the name
        try:
            unpack(archive, folder / "out")
        except DataError:
            assert list(folder.iterdir()) == [archive]
            return
        written = files(folder / "out")
        wanted = [content for name, content in members if not name.endswith(("/", "\\"))]
        assert sorted(written.values()) == sorted(wanted)
        assert {path.name for path in folder.iterdir()} == {"a", "out"}


@given(st.data(), st.sampled_from(["zip", "tar", "tar.gz"]))
@settings(max_examples=300)
def test_damage_is_refused_or_harmless(data: st.DataObject, kind: str) -> None:
    """Whatever bytes are changed: an error of ours or an unpacked folder, and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = (make_zip if kind == "zip" else make_tar)(folder / "a", GOOD)
        content = bytearray(archive.read_bytes().rstrip(b"\0") + bytes(1024))
        if kind == "tar.gz":
            content = bytearray(gzip.compress(bytes(content)))
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        archive.write_bytes(content)
        try:
            unpack(archive, folder / "out")
        except (DataError, OutputError):
            assert list(folder.iterdir()) == [archive]
