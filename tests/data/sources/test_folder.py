"""Folders as people really have them, listed without opening a file or changing anything."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import snapshot, write_classes, write_files
from viewfinder.core.errors import DataError, Reason, RejectedPicture, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record, open_dataset
from viewfinder.data.sources.folder import FolderSource
from viewfinder.data.sources.folder_names import split_named
from viewfinder.pictures.listing import files_at

HIDDEN = "hidden or a system file"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder for the data; whatever a test does with it, only the test itself changes it."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def opened(root: Path, **options: Any) -> Dataset:
    """Open the data, and see that nothing was opened or changed."""
    before = snapshot(root)
    dataset = open_dataset(root, **options)
    assert snapshot(root) == before
    return dataset


def rows(dataset: Dataset) -> set[tuple[str, str, str]]:
    table = dataset.table
    return set(zip(table["locator"], table["label"], table["split"], strict=True))


def passed_over(dataset: Dataset) -> dict[str, str]:
    return {one.path: one.why for one in dataset.passed_over}


class TestClassFolders:
    def test_each_folder_is_a_class(self, root: Path) -> None:
        write_files(root, "cats/1.jpg", "cats/2.jpg", "dogs/1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("cats", "dogs")
        assert rows(dataset) == {
            ("cats/1.jpg", "cats", ""),
            ("cats/2.jpg", "cats", ""),
            ("dogs/1.jpg", "dogs", ""),
        }
        assert dataset.table["bytes"].tolist() == [10, 10, 10]
        assert dataset.labels.tolist() == [0, 0, 1]
        assert dataset.passed_over == ()
        assert not dataset.is_split

    def test_classes_may_hold_nested_folders(self, root: Path) -> None:
        write_files(root, "cats/a/1.jpg", "cats/a/b/2.jpg", "cats/3.jpg", "dogs/x/y/z/1.jpg")
        assert rows(opened(root)) == {
            ("cats/a/1.jpg", "cats", ""),
            ("cats/a/b/2.jpg", "cats", ""),
            ("cats/3.jpg", "cats", ""),
            ("dogs/x/y/z/1.jpg", "dogs", ""),
        }

    def test_any_ending_is_listed_because_content_decides(self, root: Path) -> None:
        names = ["1.webp", "2.TIFF", "3.jpeg", "4", "5.txt", "6.heic"]
        write_files(root, *(f"a/{name}" for name in names), "b/1.jpg")
        assert [path for path in opened(root).table["locator"] if path.startswith("a/")] == [
            f"a/{name}" for name in names
        ]

    def test_files_beside_the_classes_are_passed_over_aloud(self, root: Path) -> None:
        write_files(root, "README.md", "labels.csv", "a/1.jpg", "b/1.jpg")
        assert passed_over(opened(root)) == {
            "README.md": "not inside a class folder",
            "labels.csv": "not inside a class folder",
        }

    def test_numbers_sort_as_numbers(self, root: Path) -> None:
        write_files(root, *(f"{number}/x.png" for number in (10, 9, 2, 0, 100)), "01/x.png")
        assert opened(root).classes == ("0", "01", "2", "9", "10", "100")

    def test_one_word_among_numbers_sorts_all_as_words(self, root: Path) -> None:
        write_files(root, "10/x.png", "9/x.png", "none/x.png")
        assert opened(root).classes == ("10", "9", "none")

    def test_the_order_on_disk_does_not_matter(self, root: Path, tmp_path: Path) -> None:
        paths = [
            f"{label}/part{sub}/{number}.png" for label in "ab" for sub in "12" for number in "123"
        ]
        write_files(root, *paths)
        other = tmp_path / "other"
        random.Random(0).shuffle(paths)
        write_files(other, *paths)
        assert opened(root).table.equals(opened(other).table)
        assert opened(root).table["locator"].is_monotonic_increasing

    def test_names_in_any_script(self, root: Path) -> None:
        write_files(root, "猫/a b.jpg", "chien d'été/☃.jpg", "a\nb/[bold].jpg")
        dataset = opened(root)
        assert dataset.classes == ("a\nb", "chien d'été", "猫")
        for locator in dataset.table["locator"]:
            assert dataset.source.read(locator) == locator.encode()


class TestSplitFolders:
    NAMES = {  # noqa: RUF012
        "train": "train|Train|TRAIN|training|training_set|train-data|trainset|train images"
        "|Training_Images|train_imgs|train2|train_2017",
        "validation": "val|valid|validation|validate|dev|Val|VALID|val2017|validation_set|valset"
        "|validation-data|dev_set|Validation Pictures",
        "test": "test|testing|Test|test_set|testset|test-data|test1|test_images|testing_set"
        "|Test Data Set",
    }
    # As they stand in datasets and in the words around them, and what is no split.
    OTHERS = ("cats", "data", "images", "set", "", "trains", "invalid", "pretrain", "testa", "тест")

    @pytest.mark.parametrize(
        ("name", "split"),
        [(name, split) for split, names in NAMES.items() for name in names.split("|")],
    )
    def test_names_as_people_write_them(self, name: str, split: str, root: Path) -> None:
        assert split_named(name) == split
        if split == "train":
            write_files(root, f"{name}/a/1.jpg", f"{name}/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg")
        else:
            write_files(
                root, "train/a/1.jpg", "train/b/1.jpg", f"{name}/a/1.jpg", f"{name}/b/1.jpg"
            )
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        other = "validation" if split == "train" else "train"
        assert dataset.split_sizes() == dict.fromkeys(("train", split, other), 2)
        assert (f"{name}/ is {split}" in "".join(dataset.notes)) == (name != split)

    @pytest.mark.parametrize("name", OTHERS)
    def test_other_names_are_no_splits(self, name: str) -> None:
        assert split_named(name) is None

    def test_three_splits_with_nested_folders(self, root: Path) -> None:
        write_files(root, *(f"{s}/{c}/deep/1.jpg" for s in ("train", "val", "test") for c in "ab"))
        assert rows(opened(root)) == {
            (f"{folder}/{label}/deep/1.jpg", label, split)
            for folder, split in [("train", "train"), ("val", "validation"), ("test", "test")]
            for label in "ab"
        }

    def test_two_folders_of_one_split_are_one(self, root: Path) -> None:
        write_files(root, *(f"{s}/{c}/1.jpg" for s in ("train", "val", "valid") for c in "ab"))
        assert opened(root).split_sizes() == {"train": 2, "validation": 4}

    def test_only_train_leaves_the_splitting_open(self, root: Path) -> None:
        write_files(root, "train/a/1.jpg", "train/b/1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert dataset.split_sizes() == {"unsplit": 2}

    def test_only_a_test_split_can_be_opened_for_evaluation(self, root: Path) -> None:
        write_files(root, "test/a/1.jpg", "test/b/1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert len(dataset) == 2

    def test_a_test_folder_without_labels_is_passed_over(self, root: Path) -> None:
        """Kaggle's usual layout: the test pictures lie flat."""
        write_files(root, "train/a/1.jpg", "train/b/1.jpg", "test/1.jpg", "test/2.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert dataset.split_sizes() == {"unsplit": 2}
        assert set(passed_over(dataset)) == {"test/1.jpg", "test/2.jpg"}

    def test_a_class_of_vehicles_may_be_called_train(self, root: Path) -> None:
        write_files(root, "train/1.jpg", "bus/1.jpg", "car/1.jpg")
        assert opened(root).classes == ("bus", "car", "train")

    def test_vehicles_may_be_split(self, root: Path) -> None:
        write_files(root, *(f"{s}/{c}/1.jpg" for s in ("train", "test") for c in ("train", "bus")))
        dataset = opened(root)
        assert dataset.classes == ("bus", "train")
        assert dataset.split_sizes() == {"train": 2, "test": 2}

    def test_what_is_beside_the_splits_is_passed_over_aloud(self, root: Path) -> None:
        write_files(root, "train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg")
        write_files(root, "train/loose.jpg", "extra/a/1.jpg", "notes.txt")
        dataset = opened(root)
        assert passed_over(dataset) == {
            "train/loose.jpg": "not inside a class folder",
            "extra/a/1.jpg": "not inside a split folder",
            "notes.txt": "not inside a class folder",
        }

    def test_a_class_missing_from_a_split_shifts_no_index(self, root: Path) -> None:
        write_files(root, *(f"train/{label}/1.jpg" for label in "abc"), "val/c/1.jpg")
        dataset = opened(root)
        assert dataset.only("validation").classes == ("a", "b", "c")
        assert dataset.only("validation").labels.tolist() == [2]
        assert "The validation split has no pictures of: a, b." in dataset.notes

    def test_splits_without_class_folders_are_no_classes(self, root: Path) -> None:
        """Else a classifier would learn to tell the training pictures from the test pictures."""
        write_files(root, "train/cat.0.jpg", "train/dog.0.jpg", "test/1.jpg")
        with pytest.raises(DataError) as caught:
            opened(root)
        assert caught.value.fact == f"{root} has pictures but no class folders in test, train."
        assert "`label_from`" in str(caught.value.remedy)

    def test_one_flat_split_points_to_label_from(self, root: Path) -> None:
        write_files(root, "train/cat.0.jpg", "train/dog.0.jpg")
        with pytest.raises(DataError, match=r"no class folders in train(.|\n)*`label_from`"):
            opened(root)


class TestWrappers:
    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_folders_around_the_classes_are_stepped_into(self, root: Path, depth: int) -> None:
        around = "/".join(["PetImages", "data", "v2"][:depth])
        write_files(root, f"{around}/cats/1.jpg", f"{around}/dogs/1.jpg", "README.txt")
        dataset = opened(root)
        assert dataset.classes == ("cats", "dogs")
        assert f"The classes are the folders in {around}/." in dataset.notes
        assert set(dataset.table["locator"]) == {f"{around}/cats/1.jpg", f"{around}/dogs/1.jpg"}

    def test_folders_around_the_splits_are_stepped_into(self, root: Path) -> None:
        write_files(root, *(f"w/{split}/{c}/1.jpg" for split in ("train", "test") for c in "ab"))
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert dataset.split_sizes() == {"train": 2, "test": 2}

    def test_a_wrapper_around_train_alone(self, root: Path) -> None:
        write_files(root, "w/train/a/1.jpg", "w/train/b/1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert dataset.split_sizes() == {"unsplit": 2}

    def test_macs_own_folder_beside_is_no_second_one(self, root: Path) -> None:
        write_files(root, "pets/a/1.jpg", "pets/b/1.jpg", "__MACOSX/pets/a/._1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert passed_over(dataset) == {"__MACOSX": HIDDEN}


class TestLabelsFromNames:
    def test_the_first_group_is_the_label(self, root: Path) -> None:
        write_files(root, "cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "readme")
        dataset = opened(root, label_from=r"([a-z]+)\.")
        assert rows(dataset) == {
            ("cat.0.jpg", "cat", ""),
            ("cat.1.jpg", "cat", ""),
            ("dog.0.jpg", "dog", ""),
        }
        assert passed_over(dataset) == {"readme": "no label in its name"}

    def test_a_group_called_label_goes_first(self, root: Path) -> None:
        write_files(root, "1_cat.jpg", "2_dog.jpg")
        assert opened(root, label_from=r"(\d+)_(?P<label>\w+)\.").classes == ("cat", "dog")

    def test_a_pattern_with_a_slash_is_about_the_path(self, root: Path) -> None:
        write_files(root, "2020/cat/x1.jpg", "2021/dog/x2.jpg")
        assert opened(root, label_from=r"/([a-z]+)/").classes == ("cat", "dog")
        assert opened(root, label_from=r"x(\d)").classes == ("1", "2")
        assert opened(root, label_from=r"^(\d+)/").classes == ("2020", "2021")

    @pytest.mark.parametrize("around", ["", "dogs-vs-cats/"])
    def test_splits_are_kept(self, root: Path, around: str) -> None:
        """Kaggle's Dogs vs. Cats, as it is and unpacked into a folder of its own."""
        names = ["train/cat.0.jpg", "train/dog.0.jpg", "val/cat.1.jpg", "test/dog.1.jpg"]
        write_files(root, *(around + name for name in names))
        assert rows(opened(root, label_from=r"([a-z]+)\.\d")) == {
            (f"{around}train/cat.0.jpg", "cat", "train"),
            (f"{around}train/dog.0.jpg", "dog", "train"),
            (f"{around}val/cat.1.jpg", "cat", "validation"),
            (f"{around}test/dog.1.jpg", "dog", "test"),
        }

    def test_train_alone_leaves_the_splitting_open(self, root: Path) -> None:
        """Its test pictures are numbered and tell no label."""
        write_files(root, "train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg")
        dataset = opened(root, label_from=r"([a-z]+)\.\d")
        assert dataset.split_sizes() == {"unsplit": 2}
        assert passed_over(dataset) == {"test1/1.jpg": "no label in its name"}

    def test_numbers_in_names_sort_as_numbers(self, root: Path) -> None:
        write_files(root, "img_10.png", "img_9.png", "img_1.png")
        assert opened(root, label_from=r"_(\d+)").classes == ("1", "9", "10")

    def test_a_group_that_takes_no_part_finds_no_label(self, root: Path) -> None:
        write_files(root, "cat1.jpg", "dog1.jpg", "1.jpg", "_.jpg")
        dataset = opened(root, label_from=r"([a-z]+)\d|\d|(_)")
        assert dataset.classes == ("cat", "dog")
        assert set(passed_over(dataset)) == {"1.jpg", "_.jpg"}

    @pytest.mark.parametrize(
        ("pattern", "fact"),
        [
            ("([a-z", "`label_from` is not a regular expression."),
            ("[a-z]+", "`label_from` has no group."),
            ("([A-Z]+)_", "`label_from` finds no label in any file name."),
        ],
    )
    def test_patterns_that_cannot_work(self, root: Path, pattern: str, fact: str) -> None:
        write_files(root, "cat.0.jpg", "dog.0.jpg")
        with pytest.raises(UsageError) as caught:
            opened(root, label_from=pattern)
        assert caught.value.fact == fact
        assert caught.value.received == pattern


class TestWhatIsNoPicture:
    def test_hidden_and_system_files_are_passed_over_aloud(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        hidden = [".DS_Store", "a/._1.jpg", "b/Thumbs.db", "b/desktop.ini", "a/.gitkeep"]
        write_files(root, *hidden)
        write_files(root, ".ipynb_checkpoints/1.jpg", "a/.thumbnails/1.jpg", "@eaDir/a/1.jpg")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert len(dataset) == 2
        folders = [".ipynb_checkpoints", "a/.thumbnails", "@eaDir"]
        assert passed_over(dataset) == dict.fromkeys([*hidden, *folders], HIDDEN)
        assert [one.path for one in dataset.passed_over] == sorted(passed_over(dataset))

    def test_an_empty_folder_is_no_class_and_is_said(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        (root / "c" / "deep").mkdir(parents=True)
        (root / "d").mkdir()
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert passed_over(dataset) == {"c/deep": "an empty folder", "d": "an empty folder"}

    def test_names_that_are_no_unicode_are_passed_over(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        try:
            Path(os.fsdecode(os.fsencode(root) + b"/a/caf\xe9.jpg")).write_bytes(b"x")
        except OSError:
            pytest.skip("this file system takes no such names")
        folder = Path(os.fsdecode(os.fsencode(root) + b"/\xff"))
        folder.mkdir()
        (folder / "1.jpg").write_bytes(b"x")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert passed_over(dataset) == {
            "a/caf\\udce9.jpg": "its name is not Unicode",
            "\\udcff": "its name is not Unicode",
        }

    def test_what_is_neither_file_nor_folder(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        os.mkfifo(root / "a" / "pipe")
        (root / "a" / "broken").symlink_to(root / "nowhere")
        (root / "b" / "circle").symlink_to("circle")
        assert passed_over(opened(root)) == {
            "a/broken": "a broken link or a special file",
            "a/pipe": "a broken link or a special file",
            "b/circle": "a broken link or a special file",
        }


class TestLinks:
    LISTED = "a link to a folder that is listed already"

    def test_links_to_files_and_folders_are_followed(self, root: Path, tmp_path: Path) -> None:
        write_files(tmp_path / "pool", "cats/1.jpg", "dog.jpg")
        write_files(root, "b/1.jpg")
        (root / "a").symlink_to(tmp_path / "pool" / "cats")
        (root / "b" / "2.jpg").symlink_to(tmp_path / "pool" / "dog.jpg")
        dataset = opened(root)
        assert set(dataset.table["locator"]) == {"a/1.jpg", "b/1.jpg", "b/2.jpg"}
        assert dataset.source.read("a/1.jpg") == b"cats/1.jpg"

    @pytest.mark.parametrize("target", [".", "..", "../..", "../../..", "/"])
    def test_loops_end(self, root: Path, target: str) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        (root / "a" / "loop").symlink_to(target, target_is_directory=True)
        dataset = opened(root)
        assert len(dataset) == 2
        assert passed_over(dataset) == {"a/loop": self.LISTED}

    def test_a_table_beside_the_folders_is_pointed_out(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg", "clips.csv")
        (note,) = [note for note in opened(root).notes if "clips.csv" in note]
        assert note.startswith("Tables beside the folders are not read: clips.csv. If one of them")

    @pytest.mark.parametrize("at", ["loop", "a/loop", "a/loop.jpg"])
    def test_a_link_to_itself_is_no_picture_anywhere(self, root: Path, at: str) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        (root / at).symlink_to(Path(at).name)
        assert set(opened(root).table["locator"]) == {"a/1.jpg", "b/1.jpg"}
        assert [Path(file).name for file in files_at([str(root)])] == ["1.jpg", "1.jpg"]

    def test_loops_through_two_links_end(self, root: Path) -> None:
        write_files(root, "a/1.jpg", "b/1.jpg")
        (root / "a" / "to_b").symlink_to(root / "b")
        (root / "b" / "to_a").symlink_to(root / "a")
        dataset = opened(root)
        assert set(dataset.table["locator"]) == {"a/1.jpg", "b/1.jpg"}
        assert passed_over(dataset) == {"a/to_b": self.LISTED, "b/to_a": self.LISTED}

    @pytest.mark.parametrize("names", ["ab", "ba"])
    def test_a_link_never_takes_the_place_of_the_folder(self, root: Path, names: str) -> None:
        """Whichever comes first: else the pictures of one class would be learnt as another's."""
        link, folder = names
        write_files(root, f"{link}/1.jpg", f"{folder}/2.jpg")
        (root / link / "more").symlink_to(root / folder)
        assert rows(opened(root)) == {
            (f"{link}/1.jpg", link, ""),
            (f"{folder}/2.jpg", folder, ""),
        }

    def test_of_two_links_to_one_folder_the_first_counts(self, root: Path, tmp_path: Path) -> None:
        write_files(tmp_path / "pool", "1.jpg")
        write_files(root, "a/1.jpg")
        (root / "b").symlink_to(tmp_path / "pool")
        (root / "c").symlink_to(tmp_path / "pool")
        dataset = opened(root)
        assert dataset.classes == ("a", "b")
        assert passed_over(dataset) == {"c": self.LISTED}


class TestRefusals:
    def test_a_missing_path(self, root: Path) -> None:
        with pytest.raises(DataError) as caught:
            open_dataset(root / "nowhere")
        assert caught.value.fact == f"There is nothing at {root / 'nowhere'}."
        assert caught.value.exit_code == 3
        assert "spelling" in str(caught.value.remedy)

    def test_the_name_of_a_known_dataset(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DataError) as caught:
            open_dataset("fashion-mnist")
        assert "`viewfinder fetch fashion-mnist` downloads" in str(caught.value.remedy)

    def test_a_file_in_place_of_a_folder(self, root: Path) -> None:
        write_files(root, "a.jpg")
        with pytest.raises(DataError, match=r"a\.jpg is not a folder\.(.|\n)*Received: a file"):
            open_dataset(root / "a.jpg")

    def test_an_empty_folder(self, root: Path) -> None:
        with pytest.raises(DataError, match=r"holds no pictures(.|\n)*Received: an empty folder"):
            opened(root)

    def test_only_hidden_files_and_empty_folders(self, root: Path) -> None:
        write_files(root, ".DS_Store")
        (root / "cats").mkdir()
        with pytest.raises(DataError) as caught:
            opened(root)
        assert caught.value.received == f"only: an empty folder, {HIDDEN}"

    def test_files_side_by_side(self, root: Path) -> None:
        write_files(root, "1.jpg", "2.jpg")
        with pytest.raises(DataError) as caught:
            opened(root)
        assert caught.value.fact == f"{root} has pictures but no class folders."
        assert caught.value.received == "2 files side by side"
        assert "`label_from`" in str(caught.value.remedy)

    @pytest.mark.parametrize("layout", ["cats", "train/cats", "w/cats", "w/train/cats"])
    def test_one_class(self, root: Path, layout: str) -> None:
        write_files(root, f"{layout}/1.jpg", f"{layout}/2.jpg")
        with pytest.raises(DataError, match="has only one class: cats"):
            opened(root)

    def test_what_may_be_the_other_class_is_named(self, root: Path) -> None:
        write_files(root, "cats/1.jpg", "cats/2.jpg", ".DS_Store")
        (root / "dogs").mkdir()
        with pytest.raises(DataError, match="has only one class: cats") as caught:
            opened(root)
        assert caught.value.received == "skipped: dogs (an empty folder)"

    def test_one_label_in_all_names(self, root: Path) -> None:
        write_files(root, "cat.0.jpg", "cat.1.jpg")
        with pytest.raises(DataError, match="has only one class: cat"):
            opened(root, label_from=r"([a-z]+)\.")


class TestSource:
    def test_it_reads_bytes_and_stamps(self, root: Path) -> None:
        write_files(root, "a/1.jpg")
        os.utime(root / "a" / "1.jpg", ns=(1, 123456789))
        source = FolderSource(root)
        assert source.read("a/1.jpg") == b"a/1.jpg"
        assert source.stamp("a/1.jpg").size == 7
        assert source.stamp("a/1.jpg") == FolderSource(root).stamp("a/1.jpg")
        assert str(source) == str(root)

    def test_what_is_gone_is_a_rejection(self, root: Path) -> None:
        source = FolderSource(root)
        for ask in (source.read, source.stamp):
            with pytest.raises(RejectedPicture) as caught:
                ask("a/1.jpg")
            assert caught.value.reason is Reason.MISSING
            assert caught.value.detail == "the file does not exist"

    def test_what_cannot_be_read_is_a_rejection(self, root: Path) -> None:
        (root / "a").mkdir()
        with pytest.raises(RejectedPicture, match="Not a picture: it is a folder"):
            FolderSource(root).read("a")

    def test_a_record_makes_it_again(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_files(root, "a/1.jpg")
        monkeypatch.chdir(root.parent)
        record = FolderSource(Path(root.name)).record()
        monkeypatch.chdir("/")
        assert from_record(record).read("a/1.jpg") == b"a/1.jpg"

    def test_an_unknown_record_is_refused(self) -> None:
        with pytest.raises(DataError, match="Unknown kind of source: 'cloud'"):
            from_record({"kind": "cloud"})


def test_nothing_is_opened_or_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(root, {"a": 2, "b": 2})

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(FolderSource, "read", refuse)
    assert len(open_dataset(root)) == 4


@given(st.text(max_size=12))
def test_every_name_is_a_split_or_none(name: str) -> None:
    assert split_named(name) in {"train", "validation", "test", None}
