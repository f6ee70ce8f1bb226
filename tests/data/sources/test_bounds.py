"""No container takes more memory than its bound, whatever sizes it declares."""

import gzip
import io
import lzma
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from viewfinder.core.errors import DataError, Reason, RejectedPicture
from viewfinder.data.sources import open_dataset
from viewfinder.fetch.archives import members
from viewfinder.fetch.archives.unpack import unpack

MIB = 1 << 20
BOUND = MIB
"""The size up to which no container counts as a bomb, in these tests."""
SLACK = 4 * MIB


@pytest.fixture(autouse=True)
def small_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "HARMLESS_BYTES", BOUND)
    monkeypatch.setenv("VIEWFINDER_CACHE", str(tmp_path / "cache"))


@contextmanager
def bounded(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= most
    finally:
        tracemalloc.stop()


def test_a_member_larger_than_declared_is_not_inflated(tmp_path: Path) -> None:
    path, true_size = tmp_path / "x.zip", 10 * MIB
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cats/1.jpg", bytes(true_size))
        archive.writestr("dogs/1.jpg", b"good")
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", true_size), struct.pack("<I", 1000)))
    with bounded(SLACK):
        dataset = open_dataset(path)
        with pytest.raises(RejectedPicture) as caught:
            dataset.source.read("cats/1.jpg")
    assert caught.value.reason is Reason.CORRUPT
    with bounded(SLACK), pytest.raises(DataError, match="damaged or truncated"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("kind", ["x.zip", "x.tar"])
def test_a_member_above_the_limit_of_pictures_is_rejected_unread(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "HARMLESS_BYTES", 1 << 30)
    path, size = tmp_path / kind, (256 << 20) + 1
    if kind == "x.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("cats/1.jpg", b"x")
            archive.writestr("dogs/1.jpg", b"y")
        data = path.read_bytes()
        directory = data.index(b"PK\1\2") + 24
        path.write_bytes(data[:directory] + struct.pack("<I", size) + data[directory + 4 :])
    else:
        with path.open("wb") as file:
            for name in ("cats/1.jpg", "dogs/1.jpg"):
                info = tarfile.TarInfo(name)
                info.size = size if name.startswith("cats") else 0
                file.write(info.tobuf())
                file.seek(-(-info.size // 512) * 512, io.SEEK_CUR)
            file.write(bytes(1024))
    with bounded(SLACK):
        dataset = open_dataset(path)
        with pytest.raises(RejectedPicture) as caught:
            dataset.source.read("cats/1.jpg")
    assert caught.value.reason is Reason.TOO_LARGE
    assert caught.value.detail == "268,435,457 bytes; the limit is 268,435,456"


@pytest.mark.parametrize("name", ["a/1.jpg", "a"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_negative_size_in_a_tar_is_refused(tmp_path: Path, name: str, packed: bool) -> None:
    info = tarfile.TarInfo(name)
    info.size = -5
    data = info.tobuf() + bytes(1024)
    (tmp_path / "x.tar").write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError):
        open_dataset(tmp_path / "x.tar")


@pytest.mark.parametrize("pack", [gzip.compress, partial(lzma.compress, preset=0)])
@pytest.mark.parametrize("row", [b"a/1.png,cat\n", b"cat," + b",".join([b"7"] * 784) + b"\n"])
def test_a_table_that_inflates_too_far_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], row: bytes
) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(pack(b"path,label\n" * (b"png" in row) + row * (10 * MIB // len(row))))
    with pytest.raises(DataError) as caught:
        open_dataset(path)
    assert caught.value.fact == f"{path} is refused: it would become too large."


def test_an_idx_file_that_inflates_too_far_is_refused(tmp_path: Path) -> None:
    count = 10 * MIB // 784
    path = tmp_path / "train-images-idx3-ubyte.gz"
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, count, 28, 28)
    path.write_bytes(gzip.compress(header + bytes(count * 784)))
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(count)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    assert path.stat().st_size * members.MOST_RATIO < count * 784
    with bounded(SLACK), pytest.raises(DataError, match="differs from its header"):
        open_dataset(path)


def test_an_npz_that_inflates_too_far_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, images=np.zeros((10, 1024, 1024), np.uint8), labels=np.arange(10) % 2)
    with bounded(SLACK), pytest.raises(DataError, match="would become too large"):
        open_dataset(path)


@pytest.mark.parametrize("shape", ["(True, 4, 4)", "(-2, 4, 4)", "(2.0, 4, 4)"])
def test_a_shape_that_is_none_is_refused(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    array = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(32)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", array)
        archive.writestr("labels.npy", array)
    with pytest.raises(DataError, match=r"cannot be read as \.npz"):
        open_dataset(tmp_path / "x.npz")


def test_a_huge_header_of_an_array_is_not_read(tmp_path: Path) -> None:
    array = b"\x93NUMPY\2\0" + struct.pack("<I", 10 * MIB) + bytes(10 * MIB)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", array)
        archive.writestr("padding.npy", np.random.default_rng(0).bytes(MIB))
    with bounded(SLACK), pytest.raises(DataError, match="one of its headers is too large"):
        open_dataset(tmp_path / "x.npz")


def test_a_parquet_table_of_endless_equal_rows_is_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "x.parquet", 1_000_000
    cells = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["a.png"]))
    pq.write_table(pa.table({"path": cells, "label": cells}), path)
    assert path.stat().st_size < MIB / 16
    with bounded(SLACK), pytest.raises(DataError, match="would become too large"):
        open_dataset(path)


def test_a_parquet_table_of_one_huge_cell_in_all_rows_is_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "x.parquet", 50
    zeros = pa.array(np.zeros(rows, np.int32))
    cells = pa.DictionaryArray.from_arrays(zeros, pa.array(["a" * 4 * MIB + ".png"]))
    pq.write_table(pa.table({"path": cells, "label": ["a", "b"] * (rows // 2)}), path)
    before = pa.default_memory_pool().max_memory()
    with bounded(SLACK), pytest.raises(DataError, match="would become too large"):
        open_dataset(path)
    # Arrow's memory, which is not Python's.
    assert pa.default_memory_pool().max_memory() - before < 40 * MIB < 4 * MIB * rows


def test_a_quote_that_is_never_closed_is_refused_and_ends_the_process_well(tmp_path: Path) -> None:
    """Arrow's threads, still reading ahead in a file of Python, would abort the process."""
    path = tmp_path / "x.csv"
    path.write_bytes(b'path,label\na.png,a\nb.png,b\n"' + b"A,\n" * (8 * MIB))
    code = f"import viewfinder; viewfinder.open({str(path)!r})"
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ended.returncode == 1, ended.stderr
        assert "a quote that is never closed" in ended.stderr


def test_a_table_of_very_many_columns_is_read_in_time(tmp_path: Path) -> None:
    columns = 100_000
    header = "path,label," + ",".join(f"c{index}" for index in range(columns))
    rows = [f"{name}.png,{name}" + "," * columns for name in "ab"]
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]))
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"picture")
    began = time.process_time()
    assert open_dataset(tmp_path / "x.csv").classes == ("a", "b")
    assert time.process_time() - began < 20


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"picture")
    with (tmp_path / "metadata.jsonl").open("wb") as file:
        file.write(b'{"file_name": "')
        file.truncate(1 << 40)  # sparse
    with bounded(40 * SLACK), pytest.raises(DataError):
        open_dataset(tmp_path)
