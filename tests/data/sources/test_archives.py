"""Archives read like the folders they were made from; hostile ones refused, nothing written."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folders import snapshot, write_classes, write_files
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError, ViewfinderError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_dataset

KINDS = ["zip", "stored.zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]


def pack(folder: Path, kind: str, path: Path | None = None) -> Path:
    """An archive of all that is below the folder."""
    path = path or folder.parent / f"{folder.name}.{kind}"
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    if kind.endswith("zip"):
        method = zipfile.ZIP_STORED if kind.startswith("stored") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", method) as archive:
            for file in files:
                archive.write(file, file.relative_to(folder))
        return path
    mode = {"tar": "w", "tgz": "w:gz"}.get(kind) or f"w:{kind.split('.')[1]}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, arcname=".")
    return path


def content(dataset: Dataset) -> dict[str, tuple[str, str, bytes]]:
    table = dataset.table
    return {
        locator: (label, split, dataset.source.read(locator))
        for locator, label, split in zip(
            table["locator"], table["label"], table["split"], strict=True
        )
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(
        tmp_path / "pets", {"train/cats": 3, "train/dogs": 3, "val/cats": 1, "val/dogs": 1}
    )


class TestSameAsTheFolder:
    @pytest.mark.parametrize("kind", KINDS)
    def test_split_folders(self, folder: Path, kind: str) -> None:
        write_files(folder, "README.md", "__MACOSX/train/cats/._0.png", "train/cats/Thumbs.db")
        write_files(folder, "train/.ipynb_checkpoints/x.png")
        plain, packed = open_dataset(folder), open_dataset(pack(folder, kind))
        assert packed.table.equals(plain.table)
        assert packed.classes == plain.classes
        assert packed.notes == plain.notes
        assert packed.passed_over == plain.passed_over
        assert content(packed) == content(plain)

    @pytest.mark.parametrize("kind", KINDS)
    def test_wrappers_and_labels_in_names(self, tmp_path: Path, kind: str) -> None:
        folder = write_files(tmp_path / "x", "w/train/cat.0.jpg", "w/train/dog.0.jpg", "w/notes")
        plain = open_dataset(folder, label_from=r"([a-z]+)\.")
        packed = open_dataset(pack(folder, kind), label_from=r"([a-z]+)\.")
        assert packed.table.equals(plain.table)
        assert packed.passed_over == plain.passed_over

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_record_makes_it_again(
        self, folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = pack(folder, kind)
        monkeypatch.chdir(path.parent)
        source = open_dataset(path.name).source
        record = source.record()
        monkeypatch.chdir("/")
        assert record["path"] == str(path)
        again = from_record(record)
        read, stamp = again.read("val/cats/0.png"), again.stamp("val/cats/0.png")
        monkeypatch.chdir(path.parent)
        assert read == source.read("val/cats/0.png")
        assert stamp == source.stamp("val/cats/0.png")

    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_read_in_place_from_many_threads(
        self, folder: Path, kind: str, own_cache: Path
    ) -> None:
        source = open_dataset(pack(folder, kind)).source
        locators = list(open_dataset(folder).table["locator"]) * 50
        with ThreadPoolExecutor(8) as pool:
            read = list(pool.map(source.read, locators))
        assert read == [(folder / locator).read_bytes() for locator in locators]
        assert list(own_cache.iterdir()) == []

    def test_names_of_windows(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name in ("cats\\1.jpg", "dogs\\1.jpg"):
                info = zipfile.ZipInfo("x")
                info.filename = name
                archive.writestr(info, name)
        dataset = open_dataset(tmp_path / "x.zip")
        assert dataset.source.read("cats/1.jpg") == b"cats\\1.jpg"

    @pytest.mark.parametrize("kind", KINDS)
    def test_tables_and_arrays_inside(self, folder: Path, tmp_path: Path, kind: str) -> None:
        lines = ["file_name,label", "train/cats/0.png,x", "val/dogs/0.png,y"]
        (folder / "metadata.csv").write_text("\n".join(lines))
        assert content(open_dataset(pack(folder, kind))) == content(open_dataset(folder))
        arrays = tmp_path / "arrays" / "inner"
        arrays.mkdir(parents=True)
        images = np.arange(96, 192, dtype=np.uint8).reshape(6, 4, 4)
        np.savez(arrays / "x.npz", images=images, labels=[0, 1, 0, 1, 0, 1])
        dataset = open_dataset(pack(arrays.parent, kind))
        np.testing.assert_array_equal(dataset.source.read("#5"), images[5])
        assert from_record(dataset.source.record()) == dataset.source

    def test_unpacked_once_and_again_when_the_cache_is_cleared(
        self, folder: Path, own_cache: Path
    ) -> None:
        import shutil

        path = pack(folder, "tar.gz")
        record = open_dataset(path).source.record()
        stamp = from_record(record).stamp("val/cats/0.png")
        assert len(list((own_cache / "unpacked").iterdir())) == 1
        open_dataset(path)
        assert len(list((own_cache / "unpacked").iterdir())) == 1
        shutil.rmtree(own_cache / "unpacked")
        again = from_record(record)
        assert again.stamp("val/cats/0.png") == stamp
        assert again.read("val/cats/0.png") == (folder / "val/cats/0.png").read_bytes()


class TestChanges:
    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_a_changed_archive_is_indexed_anew(self, folder: Path, kind: str) -> None:
        path = pack(folder, kind)
        source = open_dataset(path).source
        before = source.stamp("val/cats/0.png")
        (folder / "val" / "cats" / "0.png").write_bytes(b"changed")
        (folder / "val" / "dogs" / "0.png").unlink()
        pack(folder, kind)
        os.utime(path, ns=(1, 1))
        assert source.stamp("val/cats/0.png") != before
        assert source.read("val/cats/0.png") == b"changed"
        with pytest.raises(RejectedPicture, match="no longer has this member"):
            source.read("val/dogs/0.png")

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_archive_that_is_gone(self, folder: Path, kind: str) -> None:
        path = pack(folder, kind)
        dataset = open_dataset(path)
        path.unlink()
        with pytest.raises(RejectedPicture) as caught:
            dataset.source.stamp("val/cats/0.png")
        assert caught.value.reason is Reason.MISSING
        from_record(dataset.source.record())

    def test_a_damaged_member_is_a_rejection(self, folder: Path) -> None:
        path = pack(folder, "stored.zip")
        data = bytearray(path.read_bytes())
        picture = (folder / "val/cats/0.png").read_bytes()
        data[data.index(picture) + 40] ^= 255
        path.write_bytes(data)
        dataset = open_dataset(path)
        with pytest.raises(RejectedPicture) as caught:
            dataset.source.read("val/cats/0.png")
        assert caught.value.reason is Reason.CORRUPT
        assert dataset.source.read("val/dogs/0.png")


def link(name: str, kind: bytes, target: str = "cats/1.jpg") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


BAD_NAMES = ["../x.jpg", "cats/../../x.jpg", "/etc/x.jpg", "C:/x.jpg", "..\\x.jpg", "\\x.jpg"]
BAD_KINDS = {
    "symbolic link": lambda: link("cats/x.jpg", tarfile.SYMTYPE),
    "link outside": lambda: link("cats/x.jpg", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": lambda: link("cats/x.jpg", tarfile.LNKTYPE),
    "device": lambda: link("cats/x.jpg", tarfile.CHRTYPE),
    "block device": lambda: link("cats/x.jpg", tarfile.BLKTYPE),
    "pipe": lambda: link("cats/x.jpg", tarfile.FIFOTYPE),
}


def refused(path: Path, tmp_path: Path, own_cache: Path) -> DataError:
    """The error of opening it; nothing is written anywhere."""
    before = snapshot(tmp_path)
    with pytest.raises(DataError) as caught:
        open_dataset(path)
    assert not isinstance(caught.value, RejectedPicture)
    assert snapshot(tmp_path) == before
    assert [one for one in own_cache.rglob("*") if one.is_file()] == []
    return caught.value


class TestHostile:
    def tar(self, path: Path, *more: tarfile.TarInfo) -> Path:
        mode = "w:gz" if path.suffix == ".gz" else "w"
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for info in (tarfile.TarInfo("cats/1.jpg"), tarfile.TarInfo("dogs/1.jpg"), *more):
                archive.addfile(info, io.BytesIO(bytes(info.size)))
        return path

    def zip(self, path: Path, *more: zipfile.ZipInfo) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for info in (zipfile.ZipInfo("cats/1.jpg"), zipfile.ZipInfo("dogs/1.jpg"), *more):
                archive.writestr(info, b"")
        return path

    def named(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo("x")
        info.filename = name
        return info

    @pytest.mark.parametrize("name", BAD_NAMES)
    @pytest.mark.parametrize("kind", ["x.zip", "x.tar", "x.tar.gz"])
    def test_names_that_lead_out(
        self, tmp_path: Path, own_cache: Path, name: str, kind: str
    ) -> None:
        path = tmp_path / "in" / kind
        path.parent.mkdir()
        if kind.endswith("zip"):
            self.zip(path, self.named(name))
        else:
            self.tar(path, tarfile.TarInfo(name))
        error = refused(path, tmp_path, own_cache)
        assert error.fact.startswith(f"{path} is refused: ")

    @pytest.mark.parametrize("kind", ["x.tar", "x.tar.gz"])
    @pytest.mark.parametrize("member", BAD_KINDS)
    def test_links_and_devices(
        self, tmp_path: Path, own_cache: Path, member: str, kind: str
    ) -> None:
        path = self.tar(tmp_path / kind, BAD_KINDS[member]())
        assert "is refused" in refused(path, tmp_path, own_cache).fact

    @pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
    def test_links_and_devices_in_a_zip(self, tmp_path: Path, own_cache: Path, kind: int) -> None:
        info = zipfile.ZipInfo("cats/x.jpg")
        info.external_attr = (kind | 0o777) << 16
        assert "is refused" in refused(self.zip(tmp_path / "x.zip", info), tmp_path, own_cache).fact

    @pytest.mark.parametrize(
        "name", ["cats/1.jpg", "./cats/1.jpg", "cats//1.jpg", "cats", "cats/1.jpg/x"]
    )
    @pytest.mark.parametrize("kind", ["x.zip", "x.tar", "x.tar.gz"])
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_names_that_stand_for_two_files(
        self, tmp_path: Path, own_cache: Path, name: str, kind: str
    ) -> None:
        if kind.endswith("zip"):
            path = self.zip(tmp_path / kind, self.named(name))
        else:
            path = self.tar(tmp_path / kind, tarfile.TarInfo(name))
        assert "is refused" in refused(path, tmp_path, own_cache).fact

    def test_a_zero_in_a_name(self, tmp_path: Path, own_cache: Path) -> None:
        path = self.zip(tmp_path / "x.zip", zipfile.ZipInfo("cats/x.jpgQ.exe"))
        path.write_bytes(path.read_bytes().replace(b"jpgQ", b"jpg\0"))
        assert "control characters" in refused(path, tmp_path, own_cache).fact

    def test_a_password(self, tmp_path: Path, own_cache: Path) -> None:
        path = self.zip(tmp_path / "x.zip")
        data = path.read_bytes()
        directory = data.index(b"PK\1\2")
        flags = directory + 8
        path.write_bytes(data[:flags] + b"\1\0" + data[flags + 2 :])
        assert "password" in refused(path, tmp_path, own_cache).fact

    def test_a_zip_bomb(self, tmp_path: Path, own_cache: Path) -> None:
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("cats/1.bmp", "dogs/1.bmp"):
                with archive.open(name, "w") as file:
                    for _ in range(160):
                        file.write(bytes(1 << 20))
        assert path.stat().st_size < 1 << 20
        assert "too large" in refused(path, tmp_path, own_cache).fact

    # The quickest LZMA makes the same bomb in a fraction of the time.
    @pytest.mark.parametrize(
        "pack_by",
        [gzip.compress, bz2.compress, partial(lzma.compress, preset=0)],
        ids=["gzip", "bz2", "lzma"],
    )
    def test_a_tar_bomb(
        self, tmp_path: Path, own_cache: Path, pack_by: Callable[[bytes], bytes]
    ) -> None:
        mebibyte, parts = pack_by(bytes(1 << 20)), []
        for name in ("cats/1.bmp", "dogs/1.bmp"):
            info = tarfile.TarInfo(name)
            info.size = 160 << 20
            parts += [pack_by(info.tobuf()), *[mebibyte] * 160]  # each part is a stream of its own
        path = tmp_path / "x.tar.any"
        path.write_bytes(b"".join([*parts, pack_by(bytes(1024))]))
        assert "too large" in refused(path, tmp_path, own_cache).fact

    def test_a_directory_that_lies_about_a_size(self, tmp_path: Path) -> None:
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("cats/1.jpg", bytes(10_000))
            archive.writestr("dogs/1.jpg", b"good")
        data = path.read_bytes()
        path.write_bytes(data.replace(struct.pack("<I", 10_000), struct.pack("<I", 100)))
        dataset = open_dataset(path)
        with pytest.raises(RejectedPicture):
            dataset.source.read("cats/1.jpg")
        assert dataset.source.read("dogs/1.jpg") == b"good"

    def test_a_table_inside_names_only_files_inside(self, tmp_path: Path) -> None:
        write_files(tmp_path, "secret.jpg")
        inner = write_files(tmp_path / "x", "1.jpg")
        for stray in (str(tmp_path / "secret.jpg"), "../../../secret.jpg"):
            (inner / "metadata.csv").write_text(f"file_name,label\n1.jpg,a\n{stray},b\n")
            path = pack(inner, "zip", tmp_path / "x.zip")
            with pytest.raises(DataError, match="names files outside of its archive"):
                open_dataset(path)

    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(data=st.data())
    def test_any_damage_gives_pictures_or_one_error(
        self, tmp_path: Path, kind: str, data: st.DataObject
    ) -> None:
        root = tmp_path / "small"
        if not root.exists():
            write_files(root, "a/1.jpg", "b/1.jpg", "b/2.jpg")
            pack(root, kind, tmp_path / "good")
        damaged = bytearray((tmp_path / "good").read_bytes())
        for _ in range(data.draw(st.integers(1, 6))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.none() | st.integers(0, len(damaged)))
        path = tmp_path / f"bad.{kind}"
        path.write_bytes(damaged[:cut])
        try:
            dataset = open_dataset(path)
        except ViewfinderError:
            return
        for locator in dataset.table["locator"]:
            with suppress(RejectedPicture):
                assert len(dataset.source.read(locator)) < 1000


class TestRefusals:
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
    def test_an_empty_archive(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / "x").mkdir()
        with pytest.raises(DataError, match=r"holds no pictures(.|\n)*Received: an empty"):
            open_dataset(pack(tmp_path / "x", kind))

    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
    def test_one_class(self, tmp_path: Path, kind: str) -> None:
        folder = write_files(tmp_path / "x", "cats/1.jpg", "cats/2.jpg")
        with pytest.raises(DataError, match="has only one class: cats"):
            open_dataset(pack(folder, kind))

    @pytest.mark.parametrize("said", [{"root": "."}, {"label_column": "x"}])
    def test_what_it_has_no_use_for(self, folder: Path, said: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="cannot be used with an archive"):
            open_dataset(pack(folder, "zip"), **said)

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\x1f\x8bxx"])
    def test_files_of_other_kinds(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(DataError, match=r"is not a folder(.|\n)*Received: an? (empty )?file"):
            open_dataset(tmp_path / "x")
