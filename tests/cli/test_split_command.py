"""`viewfinder split`, and training on what it wrote, from outside."""

import shutil
from pathlib import Path

import pytest

from folders import snapshot, write_classes, write_picture
from small import small_words
from viewfinder.data.sources import open_dataset


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    data = write_classes(tmp_path / "pets", {"cats": 20, "dogs": 20})
    shutil.copy(data / "cats/1.png", data / "cats/2 again.png")
    return data


def test_what_a_user_sees(viewfinder, pets):
    before = snapshot(pets)
    ended = viewfinder("split", "pets", "--output", "pets.dataset", "--test", "0.1")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "class  train  validation  test",
        "cats      15           4     2",
        "dogs      14           4     2",
        "all       29           8     4",
        "The data has no test split: 10\xa0% of each class was set aside at random with seed 0.",
        "The data has no validation split: 20\xa0% of each class was set aside at random "
        "with seed 0.",
        "Kept in one split: 1 group of duplicates with 2 pictures.",
        "Dataset: pets.dataset",
        "Next:    viewfinder train pets.dataset",
    ]
    assert snapshot(pets) == before


def test_dry_run_writes_nothing(viewfinder, pets, tmp_path):
    before = snapshot(tmp_path)
    ended = viewfinder("split", "pets", "--dry-run")
    assert ended.out.endswith("Dry run: nothing was written.\n")
    document = viewfinder("split", "pets", "--dry-run", "--json", "--folds", "3").json
    assert document["schema"] == 1
    assert document["dataset"] is None
    assert set(document["folds"]) == {"0", "1", "2"}
    assert document["groups"] == {"count": 1, "pictures": 2, "largest": 2}
    assert snapshot(tmp_path) == before


def test_extending(viewfinder, pets):
    viewfinder("split", "pets", "--output", "pets.dataset")
    old = open_dataset("pets.dataset").table
    for number in range(5):
        write_picture(pets / f"dogs/new {number}.png", 500 + number)
    shown = viewfinder("split", "--extend", "pets.dataset", "--dry-run")
    assert len(open_dataset("pets.dataset")) == 41
    assert "New pictures: 5." in shown.out
    ended = viewfinder("split", "--extend", "pets.dataset")
    assert "dogs      20           5" in ended.out
    new = open_dataset("pets.dataset").table
    assert old.merge(new[["locator", "split"]]).equals(old)
    assert len(new) == 46


def test_groups_that_file_names_tell(viewfinder, tmp_path):
    data = tmp_path / "figures"
    for number in range(60):
        label, subject = ("horse", "human")[number % 2], number // 6
        write_picture(data / f"{label}s/{label}{subject}-{number}.png", number)
    write_picture(data / "horses/odd.png", 60)
    words = ("--group-from", r"^([a-z]+\d+)-")
    ended = viewfinder("split", "figures", "--output", "figures.dataset", *words)
    assert ended.code == 0, ended.err
    said = "Groups from file names: 60 pictures in 20 groups; 1 without a match stands alone."
    assert said in ended.out.splitlines()
    assert "Kept in one split: 20 groups with 60 pictures." in ended.out

    for number in range(60, 80):
        label, subject = ("horse", "human")[number % 2], (number - 60) // 2
        write_picture(data / f"{label}s/{label}{subject}-{number}.png", number)
    assert viewfinder("split", "--extend", "figures.dataset").code == 0
    table = open_dataset("figures.dataset").table
    assert len(table) == 81
    subject = table["locator"].str.split("-").str[0]
    assert (table.groupby(subject)["split"].nunique() == 1).all()
    viewfinder("train", "figures.dataset", *words).refused(2, "have groups already", "Remedy: ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("split", "There is nothing to split."),
        ("split pets", "--output is missing."),
        ("split pets --extend x.dataset", "--extend reads again"),
        ("split --extend pets", "is not a saved dataset"),
        ("split pets --dry-run --copies some", "--copies of a split is invalid."),
        ("split pets --dry-run --validation 1", "must leave something to train on"),
        ("split pets --dry-run --folds 30", "too few groups of duplicates for 30 folds"),
        ("split pets --dry-run --group-by owner", "--group-by) cannot be used with folders"),
        ("split pets --dry-run --group-from (", "--group-from is not a regular expression"),
        ("split pets --dry-run --group-from x(y)", "--group-from finds no group"),
        ("split pets --output pets/x.dataset", "never written to"),
    ],
)
def test_what_cannot_be(viewfinder, pets, line, words):
    ended = viewfinder(*line.split())
    assert ended.code in (2, 3)
    assert ended.out == ""
    assert words in ended.err


def test_training_by_folds(viewfinder, pets):
    viewfinder("split", "pets", "--output", "pets.dataset", "--folds", "3")
    words = ("train", "pets.dataset", "--dry-run", "--json", "-q", *small_words())
    judged = [viewfinder(*words, "--fold", k).json["pictures"]["validation"] for k in range(3)]
    assert sum(sum(fold.values()) for fold in judged) == 41
    viewfinder(*words, "--fold", "3").refused(2, "The dataset has no fold 3", "0 to 2")
    plain = ("train", "pets", "--dry-run", "--fold", "0")
    viewfinder(*plain).refused(2, "The dataset has no folds", "`viewfinder split`")


@pytest.mark.usefixtures("leaking")
class TestLeaks:
    @pytest.fixture
    def leaking(self, digits: Path, tmp_path: Path) -> Path:
        data = Path(shutil.copytree(digits, tmp_path / "leaking"))
        for name in sorted((data / "train/1").iterdir())[:3]:
            shutil.copy(name, data / "test/1" / f"copy of {name.name}")
        return data

    def test_training_refuses_and_names_the_next_step(self, viewfinder):
        ended = viewfinder("train", "leaking", *small_words(training__epochs=1))
        assert ended.code == 3
        for words in (
            "3 pictures are in training and in another split too",
            "test/1/copy of ",
            " = train/1/",
            "a dataset saved by `viewfinder split`",
            "--allow-leaks",
        ):
            assert words in ended.err
        assert not any(Path("runs").iterdir())
        assert viewfinder("train", "leaking", "--dry-run").code == 3

    def test_the_named_step_helps(self, viewfinder):
        done = viewfinder("split", "leaking", "--output", "clean.dataset")
        assert "Moved 3 pictures to the split of their duplicates: 3 test." in done.out
        assert viewfinder("train", "clean.dataset", "--dry-run").code == 0

    def test_or_the_result_is_given_with_and_without_them(self, viewfinder):
        words = small_words(training__epochs=1)
        ended = viewfinder("train", "leaking", "--allow-leaks", *words)
        assert ended.code == 0
        assert "3 evaluation pictures are in training too" in ended.err
        assert "test without duplicates" in ended.out
        metrics = viewfinder("evaluate", "runs/leaking", "--json").json
        assert metrics["test"]["count"] == 39
        assert metrics["test"]["leaks"]["exact"] == 3
        near = metrics["test"]["leaks"]["near"]
        without = metrics["test"]["without_leaks"]
        assert without["count"] == 36 - near
        assert without["per_class"][1]["support"] <= 12
        page = Path("runs/leaking/report.html").read_text(encoding="utf-8")
        assert "Leaking pictures" in page


def test_the_split_of_training_keeps_copies_together(viewfinder, tmp_path):
    """Each picture occurs twice: a split by pictures would leak for sure."""
    data = write_classes(tmp_path / "twice", {"a": 20, "b": 20})
    for path in sorted(data.rglob("*.png")):
        shutil.copy(path, path.with_name(f"again {path.name}"))
    from viewfinder.jobs.prepare import prepare
    from viewfinder.recipe import Recipe

    dataset = open_dataset(data)
    by_pictures = dataset.split(0.2).table["split"].to_numpy()
    prepared = prepare(dataset, Recipe())
    table = prepared.dataset.table
    assert (table.groupby("content")["split"].nunique() == 1).all()
    assert (table["split"].to_numpy() != by_pictures).any()
    assert prepared.dataset.split_sizes() == {"train": 64, "validation": 16}
    assert set(table["leak"]) == {""}


def test_class_names_from_a_file(viewfinder, tmp_path):
    write_classes(tmp_path / "digits", {"0": 10, "1": 10})
    (tmp_path / "names.txt").write_text("zero\none\n")
    written = viewfinder(
        "split", "digits", "--output", "named.dataset", "--class-names", "names.txt"
    )
    assert written.code == 0
    assert open_dataset(tmp_path / "named.dataset").classes == ("zero", "one")
    (tmp_path / "names.txt").unlink()
    write_picture(tmp_path / "digits/1/new.png", seed=99)
    assert viewfinder("split", "--extend", "named.dataset").code == 0
    assert set(open_dataset(tmp_path / "named.dataset").table["label"]) == {"zero", "one"}


def test_class_names_that_do_not_fit_name_the_flag(viewfinder, tmp_path):
    write_classes(tmp_path / "digits", {"0": 10, "1": 10, "2": 10})
    (tmp_path / "names.txt").write_text("zero\none\n")
    ended = viewfinder("split", "digits", "--dry-run", "--class-names", "names.txt")
    ended.refused(3, "--class-names", "zero, one")
