"""The folders of a dataset as a tree of those that may hold pictures."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from viewfinder.data.sources.listing import File

# Endings of files that are surely no pictures; any other file is opened, and its content decides.
_NO_PICTURES = frozenset(
    re.findall(
        r"\S+",
        ".txt .md .rst .rtf .pdf .html .htm .css .js .tex .bib .doc .docx .xls .xlsx .ppt .pptx "
        ".csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .parquet .pq .lst .log .names "
        ".py .ipynb .pyc .sh .bat .r .m .c .cpp .h .java .mat .pkl .pickle .npy .npz .db .sqlite "
        ".arrow .feather .h5 .hdf5 .keras .pt .pth .onnx .tflite .pb .tfrecord .tfrecords .zip .gz "
        ".tar .tgz .rar .7z .mp4 .avi .mov .mkv .wav .mp3 .url .lnk .exe",
    )
)


@dataclass
class Folder:
    """A folder, with the folders in it that hold possible pictures.

    Attributes:
        path: Its path below the root.
        files: Its own possible pictures.
        folders: The folders in it, by name.
    """

    path: tuple[str, ...] = ()
    files: list[File] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name; "" for the root."""
        return self.path[-1] if self.path else ""

    @property
    def address(self) -> str:
        """Its path with slashes."""
        return "/".join(self.path)

    def without(self, names: Iterable[str]) -> "Folder":
        """The folder without some of those in it."""
        left_out = set(names)
        kept = {name: below for name, below in self.folders.items() if name not in left_out}
        return Folder(self.path, self.files, kept)

    def below(self, address: str) -> "Folder | None":
        """The folder with this path below this one; None if there is none."""
        folder: Folder | None = self
        for name in PurePosixPath(address).parts:
            folder = folder and folder.folders.get(name)
        return folder

    def is_in(self, other: "Folder") -> bool:
        """Whether the folder is below another one."""
        depth = len(other.path)
        return len(self.path) > depth and self.path[:depth] == other.path

    def all_below(self) -> "Iterator[Folder]":
        """The folders below this one, at any depth."""
        for folder in self.folders.values():
            yield folder
            yield from folder.all_below()

    def contents(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """The path below this folder, and the size, of each file."""
        for file in self.files:
            yield file.parts[len(self.path) :], file.bytes
        for folder in self.folders.values():
            for parts, size in folder.contents():
                yield (folder.name, *parts), size


def may_be_picture(file: File) -> bool:
    """Whether the ending of the file's name does not rule out a picture."""
    name = file.parts[-1]
    return "." not in name or "." + name.rpartition(".")[2].lower() not in _NO_PICTURES


def tree_of(files: Iterable[File]) -> Folder:
    """The root, with the folders that hold possible pictures."""
    root = Folder()
    for file in files:
        if not may_be_picture(file):
            continue
        folder = root
        for name in file.parts[:-1]:
            if name not in folder.folders:
                folder.folders[name] = Folder((*folder.path, name))
            folder = folder.folders[name]
        folder.files.append(file)
    return root
