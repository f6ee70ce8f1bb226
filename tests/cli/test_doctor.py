"""`viewfinder doctor` and `viewfinder compare`, and the flags that the doctor names."""

import re
from pathlib import Path

import pytest
import typer

import viewfinder.evaluation.doctor as rules
from evaluation.doctor.cases import case, flat, history
from evaluation.doctor.cases import recipe as made_recipe
from small import copied, small_words
from viewfinder.cli import main
from viewfinder.evaluation.comparison.compare import compare
from viewfinder.evaluation.doctor import diagnose


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return copied(trained.folder, tmp_path)


def test_the_doctor_speaks(viewfinder, run):
    ended = viewfinder("doctor", run)
    assert ended.code == 0
    for verdict in viewfinder("doctor", run, "--json").json["verdicts"]:
        assert f"{verdict['severity']:<9}{verdict['sentence']}\n" in ended.out
        assert verdict["because"] in ended.out
        for option in verdict["try"]:
            assert f"try {option['flag']}: {option['why']}" in ended.out


def test_the_json_is_that_of_the_file(viewfinder, run):
    shown = viewfinder("doctor", run, "--json").json
    assert shown["schema"] == 1
    assert set(shown) == {"schema", "verdicts", "unseen"}


def test_what_is_no_run_ends_in_3(viewfinder, tmp_path, run):
    viewfinder("doctor", tmp_path / "none").refused(3, "is not a run")
    viewfinder("compare", run, tmp_path / "none").refused(3, "is not a run")


def test_training_ends_with_the_doctor(viewfinder, digits):
    ended = viewfinder("train", digits, *small_words(training__epochs=1))
    assert "Doctor: viewfinder doctor runs/digits" in ended.out
    assert (Path("runs") / "digits" / "doctor.json").is_file()


def test_every_flag_that_the_doctor_names_is_one_of_train():
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path(rules.__file__).parent.glob("*.py")
    )
    named = set(re.findall(r"(?<=[\"'])--[a-z0-9-]+", source))
    assert named >= {"--augment", "--set", "--lr", "--epochs"}
    commands = typer.main.get_command(main).commands
    assert named <= {option for one in commands["train"].params for option in one.opts}
    assert set(re.findall(r"viewfinder ([a-z-]+) DATA", source)) <= set(commands)


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_only_what_was_interrupted_is_to_be_resumed(is_interrupted):
    averaged = made_recipe(20, 1.0, schedule="cosine", **{"training.average_epochs": 1.0})
    cut = history(flat(0.69, 0.15), flat(0.69, 0.22)).assign(learning_rate=1.0)[:10]
    one = case(cut, recipe=averaged, interrupted=is_interrupted)
    tips = [
        [tip.flag for tip in found.tries]
        for found in diagnose(one).verdicts
        if found.code == "cut-short"
    ]
    resume = ["viewfinder train --resume RUN"] if is_interrupted else []
    assert tips == [["--epochs 10", *resume]]


def test_compare(viewfinder, run, trained):
    ended = viewfinder("compare", run, trained.folder)
    assert ended.code == 0
    assert "cannot be told apart" in ended.out
    assert "Nothing differs: recipe, data and software are the same." in ended.out
    assert "what differs" not in ended.out
    assert "Page: compare/compare.html" in ended.out
    assert Path("compare/compare.html").is_file()


def test_compare_as_json_writes_nothing(viewfinder, run, trained):
    shown = viewfinder("compare", run, trained.folder, "--json").json
    assert set(shown) == {"schema", "runs", "differences", "scores", "splits"}
    assert shown["differences"] == []
    assert [split["split"] for split in shown["splits"]] == ["test", "validation"]
    for split in shown["splits"]:
        (pair,) = split["pairs"]
        assert (pair["p"], pair["told_apart"]) == (1.0, False)
    assert not Path("compare").exists()
    viewfinder("compare", run, trained.folder, "--json", "--output", "kept")
    assert Path("kept/accuracy.png").is_file()


def test_compare_names_settings_as_they_are_set(viewfinder, run, trained):
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("batch_size: 16", "batch_size: 32"))
    shown = viewfinder("compare", run, trained.folder).out
    assert "training.batch_size" in shown
    assert "recipe.training" not in shown


def test_one_run_cannot_be_compared(viewfinder, run):
    viewfinder("compare", run).refused(2, "nothing to compare", "two runs or more")


def test_runs_are_named_so_that_they_are_told_apart(trained, run):
    assert len(set(compare([trained.folder, run]).names)) == 2
    assert len(set(compare([run, run]).names)) == 2
