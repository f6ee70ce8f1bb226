"""Archives inside a folder or an archive, and names in archives in other encodings."""

import shutil
import zipfile
from pathlib import Path

import pytest

from folders import write_classes
from viewfinder.core.errors import DataError
from viewfinder.data.sources import open_dataset
from viewfinder.fetch.archives.unpack import unpack

UTF8_FLAG = 0x800


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zip of two classes."""
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "cache"))
    root = write_classes(tmp_path / "pictures", {"a": 2, "b": 2})
    return Path(shutil.make_archive(str(tmp_path / "packed"), "zip", root))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "gztar"])
@pytest.mark.parametrize("names", [["data.zip"], ["train.zip", "test.zip", "README.md"]])
@pytest.mark.parametrize("needs_labels", [True, False])
def test_archives_instead_of_pictures_are_named(
    tmp_path: Path, packed: Path, kind: str, names: list[str], needs_labels: bool
) -> None:
    root = tmp_path / "outer"
    root.mkdir()
    for name in names:
        shutil.copy(packed, root / name)
    path = root
    if kind != "folder":
        path = Path(shutil.make_archive(str(tmp_path / "outer"), kind, root))
    with pytest.raises(DataError, match="holds archives instead of pictures") as caught:
        open_dataset(path, needs_labels=needs_labels)
    assert names[0] in str(caught.value.received)
    if len(names) == 1 and kind == "folder":
        assert caught.value.remedy == f"open {root}/data.zip"
        assert len(open_dataset(root / "data.zip")) == 4


def test_an_archive_among_pictures_is_passed_over_or_rejected(tmp_path: Path, packed: Path) -> None:
    shutil.copy(packed, tmp_path / "pictures" / "more.zip")
    assert len(open_dataset(tmp_path / "pictures")) == 4


def zipped(path: Path, class_name: bytes) -> Path:
    """A zip with the classes `class_name` and "b", which states no encoding."""
    placeholder = "x" * len(class_name)
    with zipfile.ZipFile(path, "w") as archive:
        for name in (placeholder, "b"):
            for number in range(2):
                archive.writestr(f"{name}/{number}.png", b"picture")
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), class_name))
    return path


@pytest.mark.parametrize("name", ["Äpfel", "苹果", "яблоко", "りんご"])
def test_utf8_without_its_flag_is_read_as_utf8(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "x.zip", name.encode())
    dataset = open_dataset(path)
    assert set(dataset.classes) == {name, "b"}
    assert dataset.source.read(f"{name}/0.png") == b"picture"
    assert not any("encoding" in note for note in dataset.notes)
    unpack(path, tmp_path / "out")
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {name, "b"}


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis"])
def test_names_in_another_encoding_are_pointed_out(tmp_path: Path, encoding: str) -> None:
    dataset = open_dataset(zipped(tmp_path / "x.zip", "苹果".encode(encoding, "replace")))
    (note,) = [note for note in dataset.notes if "encoding" in note]
    assert "x.zip does not state the encoding of 2 names" in note
    assert len(dataset) == 4


def test_stated_encodings_and_plain_names_need_no_word(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("Äpfel/0.png", "Äpfel/1.png", "b/0.png", "b/1.png"):
            archive.writestr(name, b"picture")
    dataset = open_dataset(tmp_path / "x.zip")
    assert set(dataset.classes) == {"Äpfel", "b"}
    assert not any("encoding" in note for note in dataset.notes)
