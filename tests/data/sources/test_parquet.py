"""Parquet files with pictures inside, as Hugging Face's `datasets` writes them; made by PyArrow."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from folders import noise, write_files
from viewfinder.core.errors import DataError
from viewfinder.core.files import cache_folder
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset, open_table

RECORD = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAMES = ("rust", "healthy", "a/b.c")


def picture(seed: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(noise(seed)).save(content, "PNG")
    return content.getvalue()


PICTURES = [picture(seed) for seed in range(12)]
LABELS = [row % 3 for row in range(12)]


def table(
    pictures: list[bytes | None] = PICTURES,
    labels: list[int | None] = LABELS,
    *,
    names: tuple[str, str] = ("image", "label"),
    paths: str | None = None,
    classes: tuple[str, ...] = (),
    **more: list[Any],
) -> pa.Table:
    """A table as `datasets` writes it, with the names of the classes in its metadata."""
    cells = [
        {"bytes": content, "path": paths and paths.format(row)}
        for row, content in enumerate(pictures)
    ]
    made = pa.table({names[0]: pa.array(cells, RECORD), names[1]: labels, **more})
    features: dict[str, Any] = {names[0]: {"_type": "Image"}}
    if classes:
        features[names[1]] = {"_type": "ClassLabel", "names": list(classes)}
    noted = json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": noted})


def write(path: Path, made: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, **options)
    return path


def labels(dataset: Dataset) -> list[str]:
    return list(dataset.table["label"])


def contents(dataset: Dataset) -> list[Any]:
    return list(map(dataset.source.read, dataset.table["locator"]))


@pytest.mark.parametrize("rows", [5, 1000])
@pytest.mark.parametrize("kind", [RECORD, pa.binary(), pa.large_binary()])
def test_a_file(tmp_path: Path, kind: Any, rows: int) -> None:
    made = table(classes=NAMES)
    if kind != RECORD:
        made = made.set_column(0, "image", pa.array(PICTURES, kind))
    dataset = open_dataset(write(tmp_path / "train.parquet", made, row_group_size=rows))
    assert labels(dataset) == [*NAMES] * 4
    assert contents(dataset) == PICTURES
    assert dataset.table["locator"].iloc[11] == "train/00000011.png"
    assert dataset.split_sizes() == {"unsplit": 12}
    assert dataset.notes == ("Columns: pictures from image, labels from label.",)


@pytest.mark.parametrize("at", ["data/{}-00000-of-00002.parquet", "default/{}/0000.parquet"])
def test_a_repository_of_shards(tmp_path: Path, at: str) -> None:
    """A cloned repository, and Hugging Face's own conversion to Parquet."""
    write(tmp_path / at.format("train"), table(PICTURES[:6], LABELS[:6]))
    write(tmp_path / at.format("validation"), table(PICTURES[6:9], LABELS[6:9]))
    write(tmp_path / at.format("test"), table(PICTURES[9:], LABELS[9:]))
    beside = (
        "README.md",
        ".gitattributes",
        "beans.py",
        "dataset_infos.json",
        "LICENSE",
        "use.ipynb",
    )
    write_files(tmp_path, *beside)
    archive = shutil.make_archive(str(tmp_path.parent / "packed"), "gztar", tmp_path)
    for path in (tmp_path, Path(archive)):
        dataset = open_dataset(path)
        assert dataset.split_sizes() == {"train": 6, "validation": 3, "test": 3}
        assert sorted(contents(dataset)) == sorted(PICTURES)


def test_two_shards_of_one_split_and_their_names(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / f"train-0000{number}-of-00002.parquet", table(paths="/x/p3 {}é.png"))
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 24
    assert dataset.table["locator"].iloc[13] == "train-00001-of-00002/00000001-p3_1é.png"
    grouped = open_dataset(tmp_path, group_from=r"-(p\d+)_")
    assert set(grouped.table["group"]) == {"p3"}


def test_files_whose_names_differ_in_the_ending_are_two(tmp_path: Path) -> None:
    write(tmp_path / "beans.parquet", table(PICTURES[:6], LABELS[:6]))
    write(tmp_path / "beans.pq", table(PICTURES[6:], LABELS[6:]))
    assert sorted(contents(open_dataset(tmp_path))) == sorted(PICTURES)


def test_columns(tmp_path: Path) -> None:
    """Beans has a column of old paths, CIFAR-100 two of labels."""
    made = table(names=("img", "fine"), classes=("a", "b", "c"), where=["/x/1.jpg"] * 12)
    assert set(labels(open_dataset(write(tmp_path / "x.parquet", made)))) == {"a", "b", "c"}
    made = table(names=("img", "fine"), split=["train"] * 6 + ["dev"] * 6, group=list("ab") * 6)
    path = write(tmp_path / "train.parquet", made)
    with pytest.raises(DataError, match=r"named like a label(.|\n)*`label_column`"):
        open_dataset(path)
    dataset = open_dataset(path, label_column="fine")
    assert dataset.split_sizes() == {"train": 6, "validation": 6}
    assert list(dataset.table["group"]) == list("ab") * 6
    names = ["x", "y", "z"]
    assert open_dataset(path, label_column="fine", classes=names).classes == tuple(names)


def test_rows_without_a_picture_or_a_label_are_skipped(tmp_path: Path) -> None:
    made = table([None, *PICTURES[1:]], [*LABELS[:10], None, -1], classes=("a", "b", "c"))
    dataset = open_dataset(write(tmp_path / "x.parquet", made))
    assert contents(dataset) == PICTURES[1:10]
    assert [(one.path, one.why) for one in dataset.passed_over] == [
        ("row 1", "it has no path"),
        ("x/00000010.png", "it has no label in the table"),
        ("x/00000011.png", "it has no label in the table"),
    ]


@pytest.mark.parametrize(
    ("made", "fact"),
    [
        (table([], []), "has no rows"),
        (table([None] * 12), "holds no pictures, only rows without their bytes"),
        (table(labels=[0] * 12), "has only one class: 0"),
        (table().drop_columns(["label"]), "named like a label"),
        (table(names=("a", "label"), b=[{"bytes": one} for one in PICTURES]), "Several columns"),
    ],
)
def test_refusals(tmp_path: Path, made: pa.Table, fact: str) -> None:
    if "b" in made.schema.names:
        made = made.replace_schema_metadata({})
    with pytest.raises(DataError, match=fact):
        open_dataset(write(tmp_path / "x.parquet", made))


def test_what_is_no_picture_is_rejected_when_read(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "x.parquet", table([b"RIFF....WAVE", *PICTURES[1:]])))
    assert dataset.table["locator"].iloc[0] == "x/00000000"
    assert contents(dataset)[0] == b"RIFF....WAVE"


@pytest.mark.parametrize("noted", [b"{", b"[]", b'{"info": {"features": 3}}', b"[" * 100_000])
def test_damaged_metadata_is_not_used(tmp_path: Path, noted: bytes) -> None:
    made = table().replace_schema_metadata({"huggingface": noted})
    assert set(labels(open_dataset(write(tmp_path / "x.parquet", made)))) == {"0", "1", "2"}


def test_one_huge_picture_in_many_rows_is_refused(tmp_path: Path) -> None:
    """Parquet stores it once; written out, the rows would fill the disk."""
    made = table([b"\0" * (8 << 20)] * 40, [0, 1] * 20)
    path = write(tmp_path / "x.parquet", made, compression="zstd")
    with pytest.raises(DataError, match="it would become too large"):
        open_dataset(path)
    assert not [*cache_folder().glob("unpacked/*")]


def test_a_damaged_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", table())
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 64 + whole[68:])
    with pytest.raises(DataError, match=r"damaged|cannot be read"):
        open_dataset(path)
    path.write_bytes(whole[:-50])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        open_dataset(path)
    assert not [*cache_folder().glob("unpacked/*")]


@pytest.mark.parametrize("cells", ["columns", "lists"])
def test_pixels_in_parquet_are_read_as_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: str
) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (12, 64))
    frame = pd.DataFrame({"pixels": [" ".join(map(str, row)) for row in levels]})
    frame = pd.DataFrame(levels).add_prefix("pixel") if cells == "columns" else frame
    frame.assign(label=LABELS).to_parquet(tmp_path / "x.parquet", index=False)
    with pytest.raises(DataError, match="is a table of pixels") as caught:
        open_dataset(tmp_path / "x.parquet")
    monkeypatch.chdir(tmp_path)
    code = str(caught.value.remedy).partition(": ")[2]
    eval(code, {"frame": pd.read_parquet(tmp_path / "x.parquet")})
    np.testing.assert_array_equal(open_dataset("pixels.csv").source.read("#7").ravel(), levels[7])


@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_bytes_beside_paths_are_something_else(tmp_path: Path, text: Any) -> None:
    """Such as embeddings, in a table of paths; pandas writes large strings."""
    names = [f"{row}.png" for row in range(12)]
    write_files(tmp_path, *names)
    made = pa.table({"path": pa.array(names, text), "label": LABELS, "embedding": [b"\0" * 8] * 12})
    dataset = open_dataset(write(tmp_path / "x.parquet", made))
    assert set(dataset.table["locator"]) == set(names)


def test_a_frame_of_a_parquet_file_holds_bytes(tmp_path: Path) -> None:
    for column in (PICTURES, [{"bytes": one, "path": None} for one in PICTURES]):
        with pytest.raises(DataError, match=r"holds the bytes of pictures(.|\n)*open the Parquet"):
            open_table(pd.DataFrame({"image": column, "label": LABELS}), root=tmp_path)
