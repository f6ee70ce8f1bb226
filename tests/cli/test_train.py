"""`viewfinder train`: what reaches stdout, stderr and the disk, and how mistakes end."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from folders import noise, write_classes, write_picture
from small import small_words
from viewfinder.cli.options import RecipeOptions, side_lengths
from viewfinder.core.errors import RecipeError, UsageError
from viewfinder.recipe.named import recipe_named

QUICK = small_words(training__epochs=1)


def runs() -> list[str]:
    return sorted(path.name for path in Path("runs").iterdir()) if Path("runs").exists() else []


def test_results_are_on_stdout_and_the_rest_on_stderr(viewfinder, digits):
    ended = viewfinder("train", digits, *QUICK)
    assert ended.code == 0, ended.err
    headings, *rows = [line.split() for line in ended.out.splitlines()[:4]]
    assert headings[:3] == ["split", "pictures", "accuracy"]
    counts = [(row[0], int(row[1])) for row in rows]
    assert counts == [("train", 96), ("validation", 24), ("test", 36)]
    assert "Report: runs/digits/report.html" in ended.out
    assert Path("runs/digits/report.html").is_file()
    for said in ("class", "all 8 × 8", "The data has no validation split", "Epoch 1/1"):
        assert said in ended.err
        assert said not in ended.out


def test_the_table_of_what_was_found_counts_right(viewfinder, digits):
    ended = viewfinder("train", digits, *QUICK, "--dry-run")
    lines = [line.split() for line in ended.err.splitlines()]
    first = [line[:1] for line in lines].index(["class"])  # after the layout that was recognised
    table = lines[first : first + 5]
    assert table == [
        ["class", "train", "validation", "test"],
        ["0", "32", "8", "12"],
        ["1", "32", "8", "12"],
        ["2", "32", "8", "12"],
        ["all", "96", "24", "36"],
    ]


def test_json_is_all_that_is_written_by_a_quiet_run_and_taken_names_are_numbered(
    viewfinder, digits
):
    Path("runs/digits").mkdir(parents=True)
    ended = viewfinder("train", digits, *QUICK, "--json", "-q")
    assert (ended.code, ended.err) == (0, "")
    assert runs() == ["digits", "digits-2"]
    assert ended.json["schema"] == 1
    assert ended.json["run"] == "runs/digits-2"
    assert ended.json["report"] == "runs/digits-2/report.html"
    assert ended.json["interrupted"] is False
    assert ended.json["verdicts"]
    assert ended.json["metrics"] == json.loads(Path("runs/digits-2/metrics.json").read_text())


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_trains_nothing(viewfinder, digits, as_json):
    ended = viewfinder("train", digits, *QUICK, "--dry-run", *["--json"][:as_json])
    assert ended.code == 0
    assert not Path("runs").exists()
    assert "Epoch" not in ended.out + ended.err
    if as_json:
        assert ended.json["schema"] == 1
        assert ended.json["recipe"]["input"] == {
            "size": [8, 8],
            "color": "gray",
            "resize": "stretch",
            "isolate": False,
            "zoom": 1.0,
            "headroom": 1.4,
        }
        assert ended.json["pictures"]["train"] == {"0": 32, "1": 32, "2": 32}
        assert ended.json["skipped"] == []
        # 8 × 8 → conv 6 → pool 3
        assert ended.json["parameters"] == (9 + 1) * 8 + (3 * 3 * 8 + 1) * 32 + (32 + 1) * 3
    else:
        text, _, summary = ended.out.partition("Model:")
        assert yaml.safe_load(text)["training"]["epochs"] == 1
        assert "conv_1" in summary


def test_a_dry_run_with_skipped_pictures(viewfinder, tmp_path):
    data = write_classes(tmp_path / "data", {"a": 4, "b": 4})
    (data / "a/bad.jpg").write_text("words")
    ended = viewfinder("train", data, "--dry-run", "--json")
    assert [one["path"] for one in ended.json["skipped"]] == ["a/bad.jpg"]
    assert "Skipped, not a picture: 1 (a/bad.jpg)" in ended.err


def test_flat_folders_with_labels_in_their_names(viewfinder, tmp_path):
    (tmp_path / "flat").mkdir()
    for number in range(6):
        for label in ("cat", "dog"):
            picture = Image.fromarray(noise(number * 2 + (label == "dog")))
            picture.save(tmp_path / f"flat/{label}.{number}.png")
    words = ["train", tmp_path / "flat", "--label-from", r"([a-z]+)\.", *QUICK]
    ended = viewfinder(*words, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["pictures"] == {
        "train": {"cat": 5, "dog": 5},
        "validation": {"cat": 1, "dog": 1},
    }


@pytest.fixture
def figures(tmp_path) -> Path:
    """Two classes of ten subjects, of three frames each."""
    for number in range(60):
        name = f"{'ab'[number % 2]}{number // 6}-{number}.png"
        write_picture(tmp_path / "figures" / name[0] / name, number)
    return tmp_path / "figures"


def test_what_file_names_tell_to_belong_together_is_not_torn_apart(viewfinder, figures):
    words = [*QUICK, "--group-from", "^([ab][0-9]+)-"]
    ended = viewfinder("train", figures, *words)
    assert ended.code == 0, ended.err
    assert "Groups from file names: 60 pictures in 20 groups." in ended.err
    file = Path("runs/figures/data.parquet")
    table = pd.read_parquet(file)
    subject = table["locator"].str[2:].str.split("-").str[0]
    assert list(table["group"]) == list(subject)
    assert (table.groupby(subject)["split"].nunique() == 1).all()
    assert table["split"].value_counts().to_dict() == {"train": 48, "validation": 12}

    # A resumed run has its pictures, their sides and their groups from its own table.
    for name in ("timing.json", "metrics.json", "last.keras", "report.html"):
        (file.parent / name).unlink()
    ended = viewfinder("train", "--resume", file.parent)
    assert ended.code == 0, ended.err
    assert "Groups from file names: 60 pictures in 20 groups." in ended.err
    pd.testing.assert_frame_equal(pd.read_parquet(file), table)


def test_a_class_of_one_group_cannot_be_trained_on(viewfinder, figures):
    ended = viewfinder("train", figures, *QUICK, "-q", "--group-from", "^([ab])")
    ended.refused(3, "The class 'a' has too few groups to be split.", "define smaller groups")
    assert runs() == []


def test_names_that_look_like_markup_are_shown_as_they_are(viewfinder, tmp_path):
    data = write_classes(tmp_path / "data", {"[red]a": 4, "b[/b]": 4, ":cat:": 4})  # b[ holds b]
    (data / "[red]a" / "x[bold].jpg").write_text("words")
    ended = viewfinder("train", data, *QUICK)
    assert ended.code == 0, ended.err
    for name in ("[red]a", "b[", ":cat:"):
        assert any(line.startswith(f"{name} ") for line in ended.err.splitlines()), name
    assert "[red]a/x[bold].jpg" in ended.err
    ended = viewfinder("predict", "runs/data", data)
    assert "x[bold].jpg" in ended.out
    assert "[/b]" in ended.out


# --- What wins over what --------------------------------------------------------------------------


def test_settings_win_over_flags_over_the_file_over_the_recipe(tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text(
        "seed: 1\ntraining: {epochs: 1, batch_size: 1, optimizer: {learning_rate: 0.1}}\n"
    )
    flags = {"training.epochs": 2, "training.batch_size": 2}
    recipe = RecipeOptions("digits", ["training.epochs=3"], config).changed(flags)
    assert recipe.seed == 1
    training = recipe.training
    assert (training.epochs, training.batch_size, training.optimizer.learning_rate) == (3, 2, 0.1)
    assert training.schedule == recipe_named("digits").training.schedule


def test_every_flag_reaches_the_recipe(viewfinder, tmp_path):
    counts = {"train/a": 5, "train/b": 5, "test/a": 2, "test/b": 2}
    data = write_classes(tmp_path / "data", counts)
    flags = {
        "--epochs": 7,
        "--batch-size": 5,
        "--image-size": "9x13",
        "--lr": 0.02,
        "--augment": "course",
        "--seed": 11,
        "--holdout": "test",
        "--set": "model.dropout=0.5",
    }
    words = [word for pair in flags.items() for word in pair]
    ended = viewfinder("train", data, "--dry-run", "--json", "--isolate", *words)
    recipe = ended.json["recipe"]
    assert recipe["input"]["isolate"] is True
    assert recipe["training"]["epochs"] == 7
    assert recipe["training"]["batch_size"] == 5
    assert recipe["input"]["size"] == [9, 13]
    assert recipe["training"]["optimizer"]["learning_rate"] == 0.02
    assert recipe["training"]["augment"] == "course"
    assert recipe["seed"] == 11
    assert recipe["data"]["holdout"] == "test"
    assert recipe["model"]["dropout"] == 0.5


def test_a_share_of_test_pictures_reaches_the_recipe(viewfinder, tmp_path):
    data = write_classes(tmp_path / "data", {"a": 10, "b": 10})
    ended = viewfinder("train", data, "--dry-run", "--json", "--recipe", "digits", "--test", "0.2")
    assert ended.json["recipe"]["data"]["test"] == 0.2
    assert (
        "The data has no test split: 20\xa0% of each class was set aside at random with seed 0."
        in ended.err
    )


def test_epochs_are_those_of_the_phase_that_has_epochs():
    solved_first = RecipeOptions(recipe="transfer/fine-tuned").changed({"training.epochs": 2})
    assert solved_first.training.fine_tune.epochs == 2
    assert RecipeOptions(recipe="scratch").changed({"training.epochs": 2}).training.epochs == 2
    with pytest.raises(RecipeError, match=r"no key 'training\.epochs'"):
        RecipeOptions(recipe="transfer").changed({"training.epochs": 2})


def test_a_runs_recipe_as_config_is_the_runs_recipe(viewfinder, digits, trained):
    config = trained.folder / "recipe.yaml"
    ended = viewfinder("train", digits, "--config", config, "--dry-run", "--json")
    assert ended.json["recipe"] == yaml.safe_load(config.read_text())


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("150", (150, 150)),
        ("96x128", (96, 128)),
        ("96X128", (96, 128)),
        ("96×128", (96, 128)),
        (" 96 x 128 ", (96, 128)),
        (None, None),
    ],
)
def test_image_sizes(text, size):
    assert side_lengths(text) == size


@pytest.mark.parametrize("text", ["", "x", "96x", "x96", "1x2x3", "-5", "9.5", "big", "1e3", "½"])
def test_what_is_no_image_size(text):
    with pytest.raises(UsageError, match="--image-size is not a size"):
        side_lengths(text)


# --- Mistakes -------------------------------------------------------------------------------------


def test_a_missing_path(viewfinder):
    viewfinder("train", "no/such/folder").refused(3, "nothing at no/such/folder")


def test_a_file_in_place_of_a_folder(viewfinder, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK")
    viewfinder("train", "a.zip").refused(3, "a.zip is not a folder")


def test_an_empty_folder(viewfinder, tmp_path):
    (tmp_path / "empty").mkdir()
    viewfinder("train", "empty").refused(3, "holds no pictures")


def test_one_class_only(viewfinder, tmp_path):
    write_classes(tmp_path / "one", {"cats": 3})
    viewfinder("train", "one").refused(3, "only one class: cats")


def test_too_few_pictures(viewfinder, tmp_path):
    write_classes(tmp_path / "few", {"a": 5, "b": 1})
    viewfinder("train", "few").refused(3, "'b' has too few pictures")
    assert runs() == []


def test_nothing_readable(viewfinder, tmp_path):
    write_classes(tmp_path / "bad", {"a": 3, "b": 3})
    for path in (tmp_path / "bad").rglob("*.png"):
        path.write_text("words")
    for words in ([], ["--recipe", "course/cats-dogs"]):
        viewfinder("train", "bad", *words).refused(3, "readable picture")


def test_an_unwritable_output(viewfinder, digits, tmp_path):
    (tmp_path / "taken").write_text("a file")
    viewfinder("train", digits, "--output", "taken").refused(2, "Cannot write", "--output")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "digitts"], ["no recipe 'digitts'", "did you mean 'digits'"]),
        (["--set", "training.epoch=3"], ["'training.epoch'", "did you mean 'training.epochs'"]),
        (["--set", "model.kind=conv"], ["did you mean 'conv-stack'"]),
        (["--set", "epochs"], ["key=value"]),
        (["--epochs", "0"], ["training.epochs", "greater than or equal to 1"]),
        (["--batch-size", "0"], ["training.batch_size"]),
        (["--lr", "-1"], ["training.optimizer.learning_rate"]),
        (["--lr", "nan"], ["training.optimizer.learning_rate"]),
        (["--seed", "-1"], ["seed"]),
        (["--augment", "strng"], ["did you mean 'strong'"]),
        (["--image-size", "big"], ["--image-size is not a size"]),
        (["--image-size", "0"], ["input.size"]),
        (["--image-size", "100000"], ["input.size"]),
        (["--holdout", "tset"], ["data.holdout", "did you mean 'test'"]),
        (["--config", "none.yaml"], ["none.yaml"]),
        (["--name", "../x"], ["name cannot be a path"]),
        (["--store-limit", "lots"], ["not a size"]),
        (["--label-from", "("], ["--label-from is not a regular expression"]),
        (["--label-from", "x"], ["no group"]),
        (["--group-from", "("], ["--group-from is not a regular expression"]),
        (["--group-from", "x"], ["--group-from has no group"]),
        (["--recipe", "course/cats-dogs", "--image-size", "12"], ["too small for 3 convolutions"]),
    ],
)
def test_what_cannot_be_done_ends_in_2_before_training(viewfinder, digits, words, said):
    viewfinder_ended = viewfinder("train", digits, *words, "-q")
    viewfinder_ended.refused(2, *said)
    assert runs() == []


def test_a_split_that_is_not_there_cannot_be_held_out(viewfinder, digits):
    ended = viewfinder("train", digits, "--holdout", "validation")
    ended.refused(3, "no validation split", "train, test")


@pytest.mark.parametrize(("word", "code"), [("--epochs", "three"), ("--seed", "x")])
def test_words_in_place_of_numbers(viewfinder, digits, word, code):
    ended = viewfinder("train", digits, word, code)
    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_without_a_backend_the_message_has_the_pip_line(viewfinder, digits, monkeypatch, no_wheel):
    import sys

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", "/nonexistent")
    monkeypatch.setattr("viewfinder.runtime.backend.find_spec", lambda _: None)
    ended = viewfinder("train", digits)
    ended.refused(2, "No deep-learning backend", "pip install 'viewfinder[cpu]'")
    assert runs() == []


# --- Ctrl-C, as it looks from inside; test_interrupt.py sends real signals ------------------------


@pytest.mark.parametrize("epochs_done", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_ctrl_c_leaves_a_run_and_ends_in_130(viewfinder, digits, monkeypatch, epochs_done):
    from viewfinder.training.display import TrainingProgress

    steps = iter(range(100))

    def interrupt(self, batch, logs=None):
        if next(steps) == 6 * epochs_done + 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingProgress, "on_train_batch_end", interrupt)
    ended = viewfinder("train", digits, *small_words(), "--json")
    assert ended.code == 130
    assert ended.json["interrupted"] is True
    assert set(ended.json["metrics"]) == {"schema", "best_epoch", "validation", "test"}
    assert ended.json["metrics"]["best_epoch"] == (1 if epochs_done else None)
    assert "interrupted" in Path("runs/digits/report.html").read_text()
    assert viewfinder("predict", "runs/digits", digits / "test/0").code == 0
    assert viewfinder("evaluate", "runs/digits").code == 0


def test_ctrl_c_while_reading_ends_in_130_and_leaves_no_run(viewfinder, digits, monkeypatch):
    def interrupt(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("viewfinder.jobs.prepare.open_store", interrupt)
    ended = viewfinder("train", digits)
    assert (ended.code, ended.out) == (130, "")
    assert "Interrupted." in ended.err
    assert "Traceback" not in ended.err
    assert runs() == []
