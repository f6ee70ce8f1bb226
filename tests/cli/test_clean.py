"""`viewfinder clean`, `journal` and `materialize`, as their users meet them."""

import json
import shutil
from pathlib import Path

import pytest

from folders import snapshot, write_classes
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.prepare import placed
from viewfinder.recipe.named import recipe_named


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Cats and dogs; a cat is there twice, and a file is empty."""
    root = write_classes(tmp_path / "pets", {"cats": 4, "dogs": 4})
    shutil.copy(root / "cats/0.png", root / "cats/again.png")
    (root / "dogs/empty.png").touch()
    return root


def test_clean_undo_and_back(viewfinder, pets):
    before = snapshot(pets)
    dry = viewfinder("clean", "pets", "--dry-run")
    assert dry.code == 0
    assert "8 of 10 pictures would stay. Nothing was written." in dry.out
    assert [path.name for path in pets.parent.iterdir()] == ["pets"]

    made = viewfinder("clean", "pets", "--output", "pets.dataset")
    assert made.code == 0
    assert "8 of 10 pictures; 2 in quarantine." in made.out
    assert [line.split()[0] for line in made.out.splitlines()[1:3]] == ["quarantine", "keep-one"]

    listed = viewfinder("journal", "pets.dataset")
    assert "unreadable: empty" in listed.out
    heading, *rows = listed.out.splitlines()
    assert heading.split()[-1] == "state"
    assert [row.split()[-1] for row in rows[:2]] == ["effect", "effect"]
    assert "cats/again.png (kept: cats/0.png)" in viewfinder("journal", "pets.dataset", 2).out
    assert (
        "Entry 3 undoes 2: exact duplicates."
        in viewfinder("journal", "pets.dataset", "--undo", 2).out
    )
    assert (
        "10 of 10 pictures; 0 in quarantine."
        in viewfinder("journal", "pets.dataset", "--undo", 1).out
    )
    assert "Entry 5 undoes again 3" in viewfinder("journal", "pets.dataset", "--undo", 3).out
    entries = viewfinder("journal", "pets.dataset", "--json").json["entries"]
    assert [one["stands"] for one in entries] == [False, True, False, True, True]
    assert snapshot(pets) == before


def test_every_command_takes_it_for_data(viewfinder, pets):
    viewfinder("clean", "pets", "--output", "pets.dataset", "--quiet")
    found = viewfinder("audit", "pets.dataset", "--json").json
    assert (found["source"], found["pictures"]) == ("pets.dataset", 8)
    done = viewfinder("materialize", "pets.dataset", "--output", "out")
    assert "8 hard links" in done.out
    assert len(list(Path("out").glob("*/*.png"))) == 8
    viewfinder("audit", "pets.dataset", "--root", "x").refused(2, "--root", "a saved dataset")


def test_pictures_that_come_back_without_a_split_are_announced(viewfinder, pets):
    """`clean`, `split`, and then the cleaning is undone."""
    viewfinder("clean", "pets", "--output", "p.dataset", "--quiet")
    viewfinder("split", "p.dataset", "--output", "p.dataset", "--quiet")
    back = viewfinder("journal", "p.dataset", "--undo", 2).out
    assert "Without a split, and therefore in train: 1." in back
    assert "viewfinder split p.dataset --output p.dataset" in back
    assert "no split" in viewfinder("audit", "p.dataset", "--no-html").out
    note = "1 picture had no split beside others that have one: now in train."
    done = viewfinder("materialize", "p.dataset", "--output", "out")
    assert note in done.out
    recipe = recipe_named("scratch/small")
    assert note in placed(open_dataset("p.dataset"), recipe).notes
    viewfinder("split", "p.dataset", "--output", "p.dataset", "--quiet")
    assert note not in placed(open_dataset("p.dataset"), recipe).notes


def test_labels_and_names_in_files(viewfinder, pets):
    Path("new.csv").write_text("locator,label\ncats/1.png,dogs\n")
    Path("away.txt").write_text("\ufeffcats/2.png\n\n cats/3.png \n", encoding="utf-8")
    words = ("--relabel", "new.csv", "--quarantine", "away.txt", "--quarantine", "dogs/0.png")
    made = viewfinder("clean", "pets", "--output", "p.dataset", *words, "--fix", "none", "--json")
    assert [one["why"] for one in made.json["decisions"]] == ["chosen by hand", "chosen by hand"]
    assert made.json["leaves"] == 7
    assert made.json["dataset"] == "p.dataset"
    changed = viewfinder("journal", "p.dataset", 1, "--json").json["changes"]
    assert changed == [
        {"locator": "cats/1.png", "column": "label", "before": "cats", "after": "dogs"}
    ]
    back = viewfinder("journal", "p.dataset", "--restore", "cats/2.png", "--json").json
    assert (back["entry"]["verb"], back["entry"]["pictures"]) == ("restore", 1)


def test_in_place_and_as_a_new_one(viewfinder, pets):
    viewfinder("clean", "pets", "--output", "a.dataset", "--fix", "unreadable")
    viewfinder("clean", "a.dataset", "--output", "b.dataset")
    viewfinder("clean", "a.dataset", "--output", "a.dataset")
    whys = {}
    for name in ("a.dataset", "b.dataset"):
        entries = viewfinder("journal", name, "--json").json["entries"]
        whys[name] = [one["why"] for one in entries]
    assert whys == {
        "a.dataset": ["unreadable: empty", "exact duplicates"],
        "b.dataset": ["exact duplicates"],
    }


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("clean pets", 2, "--output"),
        ("clean pets --output pets/in.dataset", 2, "inside"),
        ("clean pets --output taken", 2, "exists already"),
        ("clean pets --dry-run --fix blured", 2, "did you mean 'blurred'"),
        ("clean pets --dry-run --quarantine nothing.txt", 2, "no file nothing.txt"),
        ("clean pets --dry-run --relabel nothing.csv", 2, "there is no file"),
        ("journal pets", 3, "is not a saved dataset"),
        ("journal nowhere", 3, "no such folder"),
        ("journal pets --undo 1", 3, "is not a saved dataset"),
        ("materialize pets --output taken", 2, "is not empty"),
    ],
)
def test_what_is_wrong_is_said(viewfinder, pets, line, code, word):
    (pets.parent / "taken").mkdir()
    (pets.parent / "taken/file").touch()
    viewfinder(*line.split()).refused(code, word)


def test_a_run_on_a_saved_dataset_is_judged_again_without_it(viewfinder, pets):
    """The run knows its pictures; the saved dataset may have changed or gone."""
    from small import small_recipe
    from viewfinder.core.progress import Progress
    from viewfinder.data.sources import open_dataset
    from viewfinder.jobs.train import train

    viewfinder("clean", "pets", "--output", "pets.dataset")
    run = train(open_dataset("pets.dataset"), small_recipe(), progress=Progress(0))
    assert run.name == "pets"
    viewfinder("journal", "pets.dataset", "--undo", 1)
    shutil.rmtree("pets.dataset")
    before = run.metrics
    ended = viewfinder("evaluate", run.folder, "--json")
    assert ended.code == 0, ended.err
    assert {key: ended.json[key]["count"] for key in ("train", "validation")} == {
        key: before[key]["count"] for key in ("train", "validation")
    }
    assert viewfinder("evaluate", run.folder, "--report-only").code == 0
    skipped = (run.folder / "skipped.csv").read_text()
    assert "cats/again.png,quarantined: exact duplicates" in skipped
    assert json.loads((run.folder / "environment.json").read_text())["data"]["pictures"] == 8
