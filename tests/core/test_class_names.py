"""Files of class names: what people write, and what is refused."""

import os
from pathlib import Path

import pytest

from viewfinder.core.class_names import read_class_names, stated_class_names
from viewfinder.core.errors import DataError


@pytest.mark.parametrize(
    "content",
    [
        *("cat\nAnkle boot\n", "\ufeffcat\r\nAnkle boot", "\n cat \n\nAnkle boot\n\n"),
        "0 cat\n1 Ankle boot\n",
    ],
)
def test_one_name_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "names.txt").write_text(content, encoding="utf-8", newline="")
    assert read_class_names(tmp_path / "names.txt") == ("cat", "Ankle boot")


@pytest.mark.parametrize("content", ["0\n1\n", "1 cat\n2 dog\n", "0 cat\ndog\n"])
def test_other_numbers_belong_to_the_names(tmp_path: Path, content: str) -> None:
    (tmp_path / "names.txt").write_text(content)
    assert read_class_names(tmp_path / "names.txt") == tuple(content.splitlines())


def test_names_as_a_list_text_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b").write_text("x\ny")
    assert stated_class_names(["a", "b"]) == stated_class_names("a, b") == ("a", "b")
    assert stated_class_names("a,b") == stated_class_names(Path("a,b")) == ("x", "y")
    many = tuple(f"class {number}" for number in range(100))  # longer than names of files may be
    assert stated_class_names(", ".join(many)) == many


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "0 of them"),
        (b"cat\n", "1 of them"),
        (b"cat\ndog\ncat\n", "twice: cat"),
        (b"\x89PNG\r\n\x1a\n\0", "Cannot read"),
        (b"cat\0\ndog", "no text"),
        (b"name\n" * (1 << 18), "larger than"),
    ],
)
def test_what_names_no_classes(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(DataError, match=word):
        read_class_names(tmp_path / "names.txt")


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("none.txt", "pipe", "."):
        with pytest.raises(DataError, match="Cannot read the class names"):
            read_class_names(tmp_path / name)
