"""Groups that file names tell: what is found in them, what is refused, and splits that keep it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from folders import write_classes, write_files, write_picture
from viewfinder.clean import clean
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.saved import SavedDataset
from viewfinder.data.sources import open_arrays, open_dataset
from viewfinder.split import SplitPlan, extend, open_grouped, save, save_extension, split_up

SUBJECT = r"^([a-z]+\d+)-"
SUBJECTS, FRAMES = 8, 5


def seed_of(label: str, subject: int, frame: int) -> int:
    """A number of its own for each frame."""
    return (label == "horse") * 10_000 + subject * 100 + frame


def frames(root: Path, subjects: int = SUBJECTS) -> Path:
    """Two classes of so many subjects; of each, some frames, all of them different pictures."""
    for label in ("horse", "human"):
        for subject in range(subjects):
            for frame in range(FRAMES):
                name = f"{label}{subject}-{frame}.png"
                write_picture(root / f"{label}s" / name, seed_of(label, subject, frame))
    return root


def groups(dataset: Dataset) -> dict[str, str]:
    return dict(zip(dataset.table["locator"], dataset.table["group"], strict=True))


def assert_whole(dataset: Dataset, column: str = "split") -> None:
    """No subject has frames on two sides; told by plain pandas from the locators alone."""
    names = dataset.table["locator"].str.split("/").str[-1]
    subject = names.str.split("-").str[0]
    assert subject.nunique() > 1
    assert dataset.table[column].nunique() > 1
    assert (dataset.table.groupby(subject)[column].nunique() == 1).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return frames(tmp_path / "figures")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "figures.dataset"


def saved_split(data: Path, output: Path, **plan: object) -> SavedDataset:
    made = split_up(open_dataset(data), SplitPlan.made(**{"group_from": SUBJECT, **plan}))
    return save(made, output, {})


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            (r"_(p\d)_", ["p1", "p2", "p1", ""]),
            # Several groups are joined; those that take no part are empty.
            (r"^([lr])_(p\d)", ["l/p1", "r/p2", "r/p1", ""]),
            (r"^(?:(r)|l)_(p\d)", ["/p1", "r/p2", "r/p1", ""]),
            # One called `group` is the only one that counts.
            (r"^([lr])_(?P<group>p\d)", ["p1", "p2", "p1", ""]),
            (r"^l_(p\d)|", ["p1", "", "", ""]),
            # Without a slash, the folders are not seen; with one, they are.
            (r"^(day\d)", None),
            (r"^(day\d)/", ["day1", "day1", "day2", "day2"]),
            (r"(day\d)/.*_(p\d)", ["day1/p1", "day1/p2", "day2/p1", ""]),
            (r"(a|b)/", ["a", "b", "a", "b"]),
        ],
    )
    def test_what_a_pattern_finds(
        self, tmp_path: Path, pattern: str, found: list[str] | None
    ) -> None:
        names = ["day1/a/l_p1_0.jpg", "day1/b/r_p2_0.jpg", "day2/a/r_p1_9.jpg", "day2/b/x.jpg"]
        root = write_files(tmp_path / "x", *names)
        opened = {"label_from": r"/([ab])/", "group_from": pattern}
        if found is None:
            with pytest.raises(UsageError, match="finds no group in any file name"):
                open_dataset(root, **opened)
        else:
            assert groups(open_dataset(root, **opened)) == dict(zip(names, found, strict=True))

    def test_a_note_says_what_was_found(self, tmp_path: Path) -> None:
        names = [f"{label}/p{n // 6}_{n}.jpg" for label in "ab" for n in range(600)]
        root = write_files(tmp_path / "x", *names)

        def note() -> str:
            return open_dataset(root, group_from=r"(p\d+)_").notes[-1]

        assert note() == "Groups from file names: 1,200 pictures in 100 groups."
        write_files(root, "a/odd.jpg")
        assert note().endswith("100 groups; 1 without a match stands alone.")
        write_files(root, "b/odd.jpg")
        assert note().endswith("100 groups; 2 without a match stand alone.")

    def test_the_note_tells_groups_that_given_splits_tear_apart(self, tmp_path: Path) -> None:
        names = ["train/a/p1_0", "train/a/p2_0", "train/b/p3_0", "test/a/p1_1", "test/b/p4_0"]
        root = write_files(tmp_path / "x", *(f"{name}.jpg" for name in names))
        dataset = open_dataset(root, group_from=r"(p\d)_")
        assert dataset.notes[-1] == (
            "Groups from file names: 5 pictures in 4 groups; "
            "1 of the groups is in several splits already."
        )

    @given(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.text("xy-_1", max_size=6)), min_size=2, unique=True
        ),
        st.sampled_from([r"^([xy]+)-", r"(\d)", r"([xy])(_|-)(1)?", r"(?P<group>_)x|(y)"]),
    )
    def test_as_re_alone_would_find_them(self, rows: list[tuple[str, str]], pattern: str) -> None:
        from dataclasses import replace

        from folders import table_only
        from viewfinder.data.sources.grouping import with_groups_from

        locators = [f"{label}/{name}.png" for label, name in rows]
        table = pd.DataFrame(
            {"locator": locators, "label": [one for one, _ in rows], "split": "", "bytes": 1}
        )
        dataset = replace(table_only({"a": 1, "b": 1}), table=table)
        wanted = []
        for _, name in rows:
            match = re.search(pattern, f"{name}.png")
            told = match.groupdict().get("group", "") if match and "group>" in pattern else None
            if told is None and match and "group>" not in pattern:
                told = "/".join(part or "" for part in match.groups())
            wanted.append(told or "")
        if any(wanted):
            assert list(with_groups_from(dataset, pattern).table["group"]) == wanted
        else:
            with pytest.raises(UsageError, match="finds no group"):
                with_groups_from(dataset, pattern)

    @pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
    def test_archives_are_like_their_folders(self, data: Path, kind: str) -> None:
        packed = shutil.make_archive(str(data), kind, data)
        plain = open_dataset(data, group_from=SUBJECT)
        opened = open_dataset(packed, group_from=SUBJECT)
        assert sorted(groups(opened).values()) == sorted(groups(plain).values())
        assert len(set(groups(opened).values())) == 2 * SUBJECTS
        assert opened.notes[-1] == plain.notes[-1]

    @pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
    @pytest.mark.parametrize("in_archive", [False, True])
    def test_tables_of_paths(self, tmp_path: Path, name: str, in_archive: bool) -> None:
        root = write_files(tmp_path / "x", "p1-0.jpg", "p1-1.jpg", "p2-0.jpg")
        lines = ["file_name,label", "p1-0.jpg,a", "p1-1.jpg,b", "p2-0.jpg,b"]
        (root / name).write_text("\n".join(lines))
        path = root if name == "metadata.csv" else root / name
        if in_archive and name == "metadata.csv":
            path = Path(shutil.make_archive(str(root), "zip", root))
        found = groups(open_dataset(path, group_from=SUBJECT))
        assert found == {"p1-0.jpg": "p1", "p1-1.jpg": "p1", "p2-0.jpg": "p2"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("pattern", "fact"),
        [
            ("([a-z", "`group_from` is not a regular expression."),
            ("[a-z]+", "`group_from` has no group."),
            ("([A-Z]+)", "`group_from` finds no group in any file name."),
            ("(x*)", "`group_from` finds no group in any file name."),
        ],
    )
    def test_patterns(self, data: Path, pattern: str, fact: str) -> None:
        with pytest.raises(UsageError) as caught:
            open_dataset(data, group_from=pattern)
        assert caught.value.fact == fact
        assert caught.value.received == pattern
        assert caught.value.expected or caught.value.remedy

    def test_rows_of_numbers_have_no_names(self, tmp_path: Path) -> None:
        labels = np.arange(8) % 2
        pictures = np.arange(64, 192, dtype=np.uint8).reshape(8, 4, 4)
        np.savez(tmp_path / "x.npz", images=pictures, labels=labels)
        rows = np.column_stack([labels, pictures.reshape(8, -1)])
        header = ",".join(["label", *(f"pixel{n}" for n in range(16))])
        np.savetxt(tmp_path / "x.csv", rows, "%d", ",", header=header, comments="")
        (tmp_path / "packed").mkdir()
        shutil.copy(tmp_path / "x.csv", tmp_path / "packed")
        shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "packed")
        for name in ("x.npz", "x.csv", "packed.zip"):
            with pytest.raises(UsageError, match="its pictures have no file names") as caught:
                open_dataset(tmp_path / name, group_from=r"(\d)")
            assert "#0" in str(caught.value.received)
            assert caught.value.expected
            assert caught.value.remedy
        arrays = open_arrays(pictures, labels)
        with pytest.raises(UsageError, match="its pictures have no file names"):
            split_up(arrays, SplitPlan.made(group_from=r"(\d)"))

    def test_groups_are_told_in_one_way(self, tmp_path: Path, data: Path, output: Path) -> None:
        write_files(tmp_path, "p1-0.jpg", "p2-0.jpg")
        table = tmp_path / "t.csv"
        table.write_text("path,label,group,nurse\np1-0.jpg,a,x,m\np2-0.jpg,b,y,m\n")
        for column, example in ((None, "2 groups, such as 'x'"), ("nurse", "1 group, such as 'm'")):
            with pytest.raises(UsageError, match="its pictures have groups already") as caught:
                open_dataset(table, group_column=column, group_from=SUBJECT)
            assert example in str(caught.value.received)
            with pytest.raises(UsageError, match="its pictures have groups already"):
                split_up(open_grouped(table, group_by=column), SplitPlan.made(group_from=SUBJECT))
        saved = saved_split(data, output)
        with pytest.raises(UsageError, match="its pictures have groups already"):
            open_dataset(saved.folder, group_from=r"(\d)")

    def test_a_column_without_groups_is_none(self, tmp_path: Path) -> None:
        write_files(tmp_path, "p1-0.jpg", "p2-0.jpg")
        table = tmp_path / "t.csv"
        table.write_text("path,label,group\np1-0.jpg,a,\np2-0.jpg,b,\n")
        assert set(groups(open_dataset(table, group_from=SUBJECT)).values()) == {"p1", "p2"}


class TestSplitting:
    @pytest.mark.parametrize("seed", range(5))
    def test_no_subject_is_on_two_sides(self, data: Path, seed: int) -> None:
        made = split_up(
            open_dataset(data),
            SplitPlan.made(test=0.2, validation=0.2, seed=seed, group_from=SUBJECT),
        )
        assert_whole(made.dataset)
        assert set(made.dataset.split_sizes()) == {"train", "validation", "test"}
        assert made.notes[0] == "Groups from file names: 80 pictures in 16 groups."
        assert made.to_json()["plan"]["group_from"] == SUBJECT
        opened = open_dataset(data, group_from=SUBJECT)
        assert_whole(opened.split(0.2, 0.2, seed=seed))
        with pytest.raises(AssertionError):  # pictures alone would be torn apart
            assert_whole(open_dataset(data).split(0.2, 0.2, seed=seed))

    def test_folds(self, data: Path) -> None:
        made = split_up(open_dataset(data), SplitPlan.made(folds=4, group_from=SUBJECT))
        assert_whole(made.dataset, "fold")

    def test_given_splits_are_mended(self, tmp_path: Path) -> None:
        """A frame in training whose subject is in the test split, too, moves there."""
        names = [f"train/{c}/{c}{n // 3}-{n}.jpg" for c in "ab" for n in range(30)]
        root = write_files(tmp_path / "x", *names, "test/a/a0-x.jpg", "test/b/b0-x.jpg")
        made = split_up(open_dataset(root), SplitPlan.made(group_from=SUBJECT, validation=0.2))
        assert_whole(made.dataset)
        assert "Moved 6 pictures to the split of their groups: 6 test." in made.notes
        assert not any("Near duplicates" in note for note in made.notes)

    def test_groups_that_empty_a_class_are_not_called_near_duplicates(self, tmp_path: Path) -> None:
        """They stay together however large they are, so no note may say that they do not."""
        names = [f"train/{c}/{c}{n // 8}-{n}.jpg" for c in "ab" for n in range(10)]
        root = write_files(tmp_path / "x", *names, "test/a/a0-x.jpg", "test/b/b0-x.jpg")
        plan = SplitPlan.made(group_from=SUBJECT, validation=0.0)
        made = split_up(open_dataset(root), plan)
        assert_whole(made.dataset)
        assert made.dataset.split_sizes() == {"train": 4, "test": 18}
        assert not any("Near duplicates" in note for note in made.notes)

    def test_a_class_of_one_group(self, data: Path) -> None:
        with pytest.raises(DataError, match=r"'horse.*has too few groups to be split") as caught:
            split_up(open_dataset(data), SplitPlan.made(group_from=r"^([a-z]+)"))
        assert "smaller groups" in str(caught.value.remedy)


class TestSaved:
    def test_training_carves_by_them_and_undoing_forgets_them(
        self, data: Path, output: Path
    ) -> None:
        saved = saved_split(data, output)
        carved = saved.dataset().with_columns({"split": [""] * 80}).split(seed=9)
        assert_whole(carved)
        saved.undo()
        assert "group" not in saved.dataset().table
        assert "group_from" not in saved.opened
        again = saved_split(output, output, group_from=r"(\d)-")
        assert set(again.dataset().table["group"]) == {str(n) for n in range(SUBJECTS)}

    def test_a_dataset_that_was_only_cleaned_can_be_trained_by_them(
        self, data: Path, output: Path
    ) -> None:
        (data / "horses/horse0-9.png").write_bytes(b"")
        cleaned = clean(open_dataset(data), output)
        assert_whole(open_dataset(cleaned.folder, group_from=SUBJECT).split())

    @pytest.mark.parametrize(
        "way", ["new", "in place", "copied", "cleaned", "split again", "split into another"]
    )
    def test_new_frames_go_where_their_subject_is(self, data: Path, output: Path, way: str) -> None:
        """However a dataset has come to its groups, extending it keeps to them."""
        cleaned = output.with_name("cleaned.dataset")
        other = output.with_name("other.dataset")
        again: dict[str, Callable[[], SavedDataset]] = {
            "new": lambda: saved_split(data, output),
            "in place": lambda: saved_split(clean(open_dataset(data), output).folder, output),
            "copied": lambda: saved_split(clean(open_dataset(data), cleaned).folder, output),
            "cleaned": lambda: saved_split(
                clean(saved_split(data, other).dataset(), output).folder,
                output,
                group_from=None,
                anew=True,
                seed=5,
            ),
            "split into another": lambda: saved_split(
                saved_split(data, other).folder, output, group_from=None, anew=True, seed=5
            ),
            "split again": lambda: saved_split(
                saved_split(data, output).folder, output, group_from=None, anew=True, seed=5
            ),
        }
        saved = again[way]()
        before = dict(zip(*(saved.state[name] for name in ("locator", "split")), strict=True))
        assert saved.opened["group_from"] == SUBJECT
        for label in ("horse", "human"):
            for subject in range(SUBJECTS + 4):  # and four that nobody knows
                for frame in (FRAMES, FRAMES + 1):
                    path = data / f"{label}s/{label}{subject}-{frame}.png"
                    write_picture(path, seed_of(label, subject, frame))
        made = extend(SavedDataset.open(saved.folder))
        save_extension(saved, made)
        after = open_dataset(saved.folder)
        assert len(after) == len(before) + 2 * 2 * (SUBJECTS + 4)
        assert_whole(after)
        sides = dict(zip(after.table["locator"], after.table["split"], strict=True))
        assert before.items() <= sides.items()
        assert (after.table["group"] != "").all()


def test_classes_may_share_a_group(tmp_path: Path) -> None:
    """A patient with pictures of both classes is on one side with all of them."""
    root = tmp_path / "x"
    write_classes(root, {"a": 0, "b": 0})
    write_files(root, *(f"{c}/p{n % 10}-{n}.jpg" for c in "ab" for n in range(40)))
    dataset = open_dataset(root, group_from=SUBJECT).split(0.2, 0.2)
    assert_whole(dataset)
    assert set(dataset.split_sizes()) == {"train", "validation", "test"}


def test_groups_from_exif_need_a_camera(tmp_path: Path) -> None:
    write_classes(tmp_path / "x", {"a": 2, "b": 2})
    with pytest.raises(UsageError) as caught:
        open_dataset(tmp_path / "x", group_from="exif:camera")
    assert caught.value.fact == "`group_from` finds no group in the EXIF data of any file."
    taken = Image.Exif()
    taken[0x0110] = "Model\x1b[31m"
    Image.new("RGB", (8, 8)).save(tmp_path / "x/a/new.png", exif=taken)
    dataset = open_dataset(tmp_path / "x", group_from="exif:camera")
    assert sorted(dataset.table["group"]) == ["", "", "", "", "Model\x1b[31m"]
    assert dataset.notes[-1] == (
        "Groups from EXIF: 1 pictures in 1 group; 4 without a match stand alone."
    )
