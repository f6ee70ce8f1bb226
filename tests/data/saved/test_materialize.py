"""A dataset written out as class folders is the same dataset, whatever its names."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

import viewfinder as vf
from folders import snapshot, write_classes, write_picture
from viewfinder.core.errors import DataError, OutputError
from viewfinder.data.saved.materialize import materialize
from viewfinder.data.sources import open_arrays, open_dataset, open_table


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "pets", {"cats": 3, "dogs": 3})


def pixels_of(dataset: vf.Dataset) -> dict[tuple[str, str], list[bytes]]:
    """The pictures' bytes of each split and label, in order of the bytes."""
    found: dict[tuple[str, str], list[bytes]] = {}
    table = dataset.table
    for locator, label, split in zip(table["locator"], table["label"], table["split"], strict=True):
        read = dataset.source.read(locator)
        content = read if isinstance(read, bytes) else read.tobytes()
        found.setdefault((split, label), []).append(content)
    return {key: sorted(values) for key, values in found.items()}


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_it_is_the_same_dataset(pets: Path, tmp_path: Path, copy: bool, split: bool) -> None:
    dataset = open_dataset(pets)
    dataset = dataset.split(0.34) if split else dataset
    before = {key: value[1:] for key, value in snapshot(pets).items()}
    done = materialize(dataset, tmp_path / "out", copy=copy)
    assert (done.linked, dict(done.copied)) == ((0, {"as requested": 6}) if copy else (6, {}))
    assert pixels_of(open_dataset(tmp_path / "out")) == pixels_of(dataset)
    assert {key: value[1:] for key, value in snapshot(pets).items()} == before
    name = "validation/cats" if split else "cats"
    written = next((tmp_path / "out" / name).iterdir())
    assert os.path.samefile(written, pets / "cats" / written.name) is not copy  # noqa: PTH121


def test_where_no_link_is_possible_it_copies_and_says_so(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    done = materialize(open_dataset(pets), tmp_path / "out")
    assert dict(done.copied) == {"no hard link is possible: Invalid cross-device link": 6}
    assert pixels_of(open_dataset(tmp_path / "out")) == pixels_of(open_dataset(pets))


def test_members_of_archives_are_copied(pets: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "pets"), "zip", pets))
    done = materialize(open_dataset(packed), tmp_path / "out")
    assert dict(done.copied) == {"no files of their own": 6}
    assert pixels_of(open_dataset(tmp_path / "out")) == pixels_of(open_dataset(pets))


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3), (6, 5, 4)])
def test_rows_of_arrays_become_png(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (4, *shape), dtype=np.uint8)
    dataset = open_arrays(
        {"train": pictures, "test": pictures}, {one: [0, 1, 0, 1] for one in ("train", "test")}
    )
    materialize(dataset, tmp_path / "out")
    for row in range(4):
        with Image.open(tmp_path / f"out/test/{row % 2}/{row:06}.png") as read:
            np.testing.assert_array_equal(np.asarray(read), pictures[row].squeeze())


LABELS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "a/b",
                "a_b",
                "A_B",
                "..",
                ".",
                ".hidden",
                "CON",
                "nul.txt",
                "train",
                "test",
                "images",
                "fold1",
                "fold2",
                "unlabelled",
                "x.",
                "é",
            ]
        ),
        # A cell of blanks alone is an empty one, and one with a bar or semicolon is a list.
        st.text(
            st.characters(codec="utf-8", exclude_characters="|;"), min_size=1, max_size=300
        ).filter(str.strip),
    ),
    min_size=2,
    max_size=6,
    unique=True,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(labels=LABELS, split=st.booleans())
def test_any_names_of_classes_become_folders(
    labels: list[str], split: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("names")
    # All files have one name, in folders of their own: in a class folder they meet.
    paths = [f"f{number}/Same.png" for number in range(2 * len(labels))]
    for seed, path in enumerate(paths):
        write_picture(root / path, seed, 1, 2)
    frame = pd.DataFrame({"path": paths, "label": [*labels, *labels]})
    if split:
        frame["split"] = ["train"] * len(labels) + ["test"] * len(labels)
    dataset = open_table(frame, root=root)
    assume(len(dataset) == len(frame))
    done = materialize(dataset, root / "out")
    again = open_dataset(root / "out")
    expected = {
        (where, done.renamed.get(label, label)): pictures
        for (where, label), pictures in pixels_of(dataset).items()
    }
    assert pixels_of(again) == expected
    assert len({safe.casefold() for safe in again.classes}) == len(labels)
    assert {path.name for path in root.iterdir()} == {"out", *(p.split("/")[0] for p in paths)}
    shutil.rmtree(root)


def test_names_that_meet_get_numbers_in_order(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "deep", {"x/1": 1, "x/2": 1, "x/3": 1, "y/1": 1})
    (root / "x/2/0.png").rename(root / "x/2/0.PNG")
    table = pd.DataFrame({"path": ["x/3/0.png", "x/1/0.png", "x/2/0.PNG", "y/1/0.png"]})
    dataset = open_table(table.assign(label=["x", "x", "x", "y"]), root=root)
    materialize(dataset, tmp_path / "out")
    written = {path.name: path.read_bytes() for path in (tmp_path / "out/x").iterdir()}
    assert written == {
        "0.png": (root / "x/1/0.png").read_bytes(),
        "0-2.PNG": (root / "x/2/0.PNG").read_bytes(),
        "0-3.png": (root / "x/3/0.png").read_bytes(),
    }


@pytest.mark.timeout(60)  # a pipe must not be waited for
@pytest.mark.parametrize("copy", [False, True])
def test_what_training_skips_is_left_out_and_named(pets: Path, tmp_path: Path, copy: bool) -> None:
    write_classes(pets, {"birds": 3})
    dataset = open_dataset(pets)
    (pets / "cats/0.png").unlink()
    (pets / "cats/1.png").write_bytes(b"")
    (pets / "dogs/0.png").write_text("no picture")
    (pets / "dogs/1.png").write_bytes((pets / "dogs/2.png").read_bytes()[:200])
    (pets / "birds/0.png").unlink()
    os.mkfifo(pets / "birds/0.png")
    done = materialize(dataset, tmp_path / "out", copy=copy)
    reasons = {name: why.partition(":")[0] for name, why in done.rejected.items()}
    assert reasons == {
        "birds/0.png": "not a picture",
        "cats/0.png": "missing",
        "cats/1.png": "empty",
        "dogs/0.png": "not a picture",
        "dogs/1.png": "truncated",
    }
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png")}
    kept = dataset.table[~dataset.table["locator"].isin(reasons)]
    assert len(written) == done.written == len(kept)
    assert pixels_of(open_dataset(tmp_path / "out")) == pixels_of(
        dataset.where(dataset.table["locator"].isin(kept["locator"]))
    )


def test_nothing_readable_is_an_error_and_leaves_nothing(pets: Path, tmp_path: Path) -> None:
    for path in pets.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no readable picture(.|\n)*cats/0.png: empty"):
        materialize(open_dataset(pets), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_killed_half_way_leaves_nothing(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, links = open_dataset(pets), []

    def die(*names: object, **_: object) -> None:
        links.append(names)
        if len(links) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", die)
    with pytest.raises(KeyboardInterrupt):
        materialize(dataset, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_nothing_is_overwritten_nor_written_into_the_original(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "full")
    before = snapshot(tmp_path)
    for name in ("full", "full/mine.txt", "link", "pets", "pets/out", "pets/cats/out"):
        with pytest.raises(OutputError):
            materialize(open_dataset(pets), tmp_path / name)
    assert snapshot(tmp_path) == before
    (tmp_path / "empty").mkdir()
    assert materialize(open_dataset(pets), tmp_path / "empty").written == 6


def test_pictures_without_a_split_beside_others_are_training_pictures(
    pets: Path, tmp_path: Path
) -> None:
    """As training takes them, and said."""
    half = open_dataset(pets).with_columns({"split": ["test", "validation", *[""] * 4]})
    done = materialize(half, tmp_path / "out")
    again = open_dataset(tmp_path / "out")
    assert again.split_sizes() == {"train": 4, "validation": 1, "test": 1}
    trained = half.split(0.2)
    assert pixels_of(again) == pixels_of(trained)
    note = "4 pictures had no split beside others that have one: now in train."
    assert done.notes == trained.notes == (note,)
