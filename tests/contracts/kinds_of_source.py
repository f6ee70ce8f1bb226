"""One small dataset as every kind of source: how to write and open it, and what it must read.

What is written is the oracle: PNG files made by Pillow, or NumPy arrays.
"""

import gzip
import io
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import create
from viewfinder.data.sources import open_arrays, open_dataset, open_table

Written = dict[str, bytes | NDArray[np.uint8]]

SIDE = 6
LABELS = ("cats", "cats", "dogs", "dogs")
# With a blank and an umlaut, which archives and tables encode in their own ways.
NAMES = ("cats/a 1.png", "cats/ü.png", "dogs/1.png", "dogs/2.png")


def pixels(seed: int, *channels: int) -> NDArray[np.uint8]:
    """Noise, uint8, shape `(4, SIDE, SIDE, *channels)`."""
    shape = (len(LABELS), SIDE, SIDE, *channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write_files(folder: Path, seed: int) -> Written:
    """Write class folders of gray PNGs."""
    written: Written = {}
    for name, levels in zip(NAMES, pixels(seed), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(levels).save(content, "PNG")
        written[name] = content.getvalue()
        (folder / name).write_bytes(content.getvalue())
    return written


def write_folder(root: Path, seed: int) -> Written:
    return write_files(root / "data", seed)


def write_frame(root: Path, seed: int) -> Written:
    """The files that a table in memory names."""
    return write_files(root / "files", seed)


def write_table(root: Path, seed: int) -> Written:
    pd.DataFrame({"path": NAMES, "label": LABELS}).to_csv(root / "table.csv", index=False)
    return write_files(root, seed)


def write_metadata(root: Path, seed: int) -> Written:
    """Hugging Face's layout, with the pictures of each split beside their metadata."""
    written: Written = {}
    for split, rows in {"train": slice(0, 3, 2), "test": slice(1, 4, 2)}.items():
        (root / "data" / split).mkdir(parents=True, exist_ok=True)
        names = [Path(name).name for name in NAMES[rows]]
        table = pd.DataFrame({"file_name": names, "label": LABELS[rows]})
        table.to_csv(root / "data" / split / "metadata.csv", index=False)
        for name, levels in zip(names, pixels(seed)[rows], strict=True):
            file = root / "data" / split / name
            Image.fromarray(levels).save(file)
            written[f"{split}/{name}"] = file.read_bytes()
    return written


def write_pixel_csv(root: Path, seed: int) -> Written:
    """A table of pixels for each split, RGB, the label first."""
    written: Written = {}
    (root / "data").mkdir(exist_ok=True)
    for split, rows in {"train": [0, 2, 3], "test": [1, 2]}.items():
        pictures = pixels(seed, 3)[rows]
        labels = pd.Series(LABELS).iloc[rows].reset_index(drop=True)
        table = pd.DataFrame(pictures.reshape(len(rows), -1))
        table.insert(0, "label", labels)
        table.to_csv(root / "data" / f"{split}.csv", index=False)
        written |= {f"{split}#{row}": picture for row, picture in enumerate(pictures)}
    return written


def write_parquet(root: Path, seed: int) -> Written:
    """Hugging Face's shards, with names of their own for some of the pictures."""
    written: Written = {}
    pictures = list(write_files(root / "packed", seed).values())
    shutil.rmtree(root / "packed")
    (root / "data").mkdir(exist_ok=True)
    for split, rows in {"train": [0, 2, 3], "test": [1, 2]}.items():
        names = [NAMES[row] if split == "train" else None for row in rows]
        cells = [
            {"bytes": pictures[row], "path": name} for row, name in zip(rows, names, strict=True)
        ]
        table = pd.DataFrame({"image": cells, "label": [LABELS[row] for row in rows]})
        table.to_parquet(root / f"data/{split}-00000-of-00001.parquet", index=False)
        for at, (row, name) in enumerate(zip(rows, names, strict=True)):
            ending = f"-{Path(name).name.replace(' ', '_')}" if name else ".png"
            written[f"{split}-00000-of-00001/{at:08}{ending}"] = pictures[row]
    return written


def write_idx(root: Path, seed: int) -> Written:
    """MNIST's four files, of which the pictures for training are gzipped."""
    written: Written = {}
    (root / "data").mkdir(exist_ok=True)
    for split, prefix in {"train": "train", "test": "t10k"}.items():
        gray = pixels(seed + (1000 if split == "test" else 0))
        images = struct.pack(">4i", 0x0803, *gray.shape) + gray.tobytes()
        packed = gzip.compress(images, mtime=0) if split == "train" else images
        ending = ".gz" if split == "train" else ""
        (root / "data" / f"{prefix}-images-idx3-ubyte{ending}").write_bytes(packed)
        labels = struct.pack(">2i", 0x0801, len(gray)) + bytes([0, 0, 1, 1])
        (root / "data" / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)
        written |= {f"{split}#{row}": picture for row, picture in enumerate(gray)}
    return written


def write_npz(root: Path, seed: int) -> Written:
    x, y = pixels(seed, 3), np.array(LABELS)
    np.savez(root / "data.npz", x_train=x, y_train=y, x_test=x[::-1], y_test=y[::-1])
    return {
        f"{split}#{row}": picture
        for split, pictures in {"train": x, "test": x[::-1]}.items()
        for row, picture in enumerate(pictures)
    }


def write_arrays(root: Path, seed: int) -> Written:
    """Pictures with an alpha channel; the file stands for the memory of a user's program."""
    pictures = pixels(seed, 4)
    np.save(root / "memory.npy", pictures)
    return {f"#{row}": picture for row, picture in enumerate(pictures)}


def write_archive(form: str) -> Callable[[Path, int], Written]:
    """A writer of class folders in an archive."""

    def write(root: Path, seed: int) -> Written:
        written = write_files(root / "packed", seed)
        shutil.make_archive(str(root / "data"), form, root / "packed")
        shutil.rmtree(root / "packed")
        return written

    return write


def write_zipped_npz(root: Path, seed: int) -> Written:
    """An archive of arrays, which cannot be read in place."""
    written = write_npz(root, seed)
    with zipfile.ZipFile(root / "data.zip", "w") as archive:
        archive.write(root / "data.npz", "data.npz")
    (root / "data.npz").unlink()
    return written


def write_saved(root: Path, seed: int) -> Written:
    """A saved dataset of class folders; writing again changes the pictures only."""
    written = write_files(root / "pictures", seed)
    if not (root / "pets.dataset").exists():
        create(root / "pets.dataset", open_dataset(root / "pictures"), settings={})
    return written


@dataclass(frozen=True)
class Kind:
    """How one kind of source is written and opened.

    Attributes:
        name: Of the test case.
        record: What its record calls itself.
        writer: Writes the pictures of a seed into a folder; gives what each locator must read.
        open: Opens the dataset in the folder.
        is_listed: Whether a path alone tells what the dataset is.
        is_in_memory: Whether the only files that hold the pictures are in the cache.
    """

    name: str
    record: str
    writer: Callable[[Path, int], Written]
    open: Callable[[Path], Dataset]
    is_listed: bool = True
    is_in_memory: bool = False

    def write(self, root: Path, seed: int, time: int | None = None) -> Written:
        """Write the pictures, and a time of modification: by default one that no other seed has."""
        root.mkdir(exist_ok=True)
        written = self.writer(root, seed)
        for path in root.rglob("*"):
            if path.suffix != ".parquet":
                os.utime(path, (time or seed, time or seed))
        return written


def at(name: str) -> Callable[[Path], Dataset]:
    """Open what has this name."""
    return lambda root: open_dataset(root / name)


def open_frame(root: Path) -> Dataset:
    return open_table(pd.DataFrame({"path": NAMES, "label": LABELS}), root=root / "files")


def open_memory(root: Path) -> Dataset:
    return open_arrays(np.load(root / "memory.npy"), LABELS)


KINDS = (
    Kind("folder", "folder", write_folder, at("data")),
    Kind("table", "table", write_table, at("table.csv")),
    Kind("frame", "table", write_frame, open_frame, is_listed=False),
    Kind("metadata", "table", write_metadata, at("data")),
    Kind("pixel csv", "pixel csv", write_pixel_csv, at("data")),
    Kind("parquet", "parquet", write_parquet, at("data")),
    Kind("idx", "idx", write_idx, at("data")),
    Kind("npz", "npz", write_npz, at("data.npz")),
    Kind("arrays", "arrays", write_arrays, open_memory, is_listed=False, is_in_memory=True),
    Kind("zip", "zip", write_archive("zip"), at("data.zip")),
    Kind("tar", "tar", write_archive("tar"), at("data.tar")),
    Kind("tar.gz", "unpacked", write_archive("gztar"), at("data.tar.gz")),
    Kind("zipped npz", "unpacked", write_zipped_npz, at("data.zip")),
    Kind("saved", "saved", write_saved, at("pets.dataset")),
)
