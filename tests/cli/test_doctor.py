"""`viewfinder doctor` and `viewfinder compare`, and the flags that the doctor names."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

import viewfinder.evaluation.doctor as rules
from evaluation.doctor.cases import answered, case, flat, history, scores
from evaluation.doctor.cases import recipe as made_recipe
from small import copied, small_words
from viewfinder.cli import main
from viewfinder.evaluation.comparison.compare import compare
from viewfinder.evaluation.doctor import Case, diagnose
from viewfinder.recipe import Recipe


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


def troubled() -> Iterator[Case]:
    """Trainings with all that the doctor has advice for."""
    same = dict.fromkeys(("train", "validation", "test"), 0.5)
    half = np.full(20, 0.5)
    swings = 0.85 + 0.05 * np.random.default_rng(0).normal(size=20)
    creeping = np.linspace(0.72, 0.66, 12)
    uneven = {"class 0": 4000, "class 1": 100}
    cut_short = history(flat(0.69, 0.15), flat(0.69, 0.22)).assign(learning_rate=1.0)[:10]
    dead = [{"layer": "conv", "units": 8, "relu": True, "dead": 8, "largest": 1.0}]
    huge = [{"layer": "conv", "units": 8, "relu": True, "dead": 0, "largest": None}]
    yield case(accuracies={"train": 0.99, "validation": 0.6, "test": 0.6})
    yield case(history(flat(0.69, 0.02), np.r_[flat(0.69, 0.4, 6), np.linspace(0.45, 2, 14)]))
    yield case(accuracies={"train": 0.985, "validation": 0.895, "test": 0.895})
    yield case(accuracies=dict.fromkeys(same, 0.7), class_counts=uneven)
    yield case(history(flat(0.7, 0.693), flat(0.7, 0.693), half), same)
    yield case(scores={"train": scores(0.5, 100), "validation": one_answer()}, class_counts=uneven)
    yield case(history(np.linspace(0.69, 0.3, 20), np.linspace(0.69, 0.32, 20)))
    yield case(history(flat(0.69, 0.15, 2), flat(0.69, 0.2, 2)))
    yield case(history(flat(0.69, 0.15), flat(0.69, 0.22), None, swings))
    yield case(history(creeping, creeping), dict.fromkeys(same, 0.6))
    yield case(history(np.full(8, 7.9), np.full(8, 8.1), half[:8], half[:8]), same)
    yield case(history(*[0.4 + 0.15 * (-1.0) ** np.arange(14)] * 2))
    yield case(cut_short)
    yield case(units=dead)
    yield case(units=huge)
    yield case(counts={"validation": 16, "test": 16})
    lost = history(flat(0.69, 0.3), flat(0.69, 0.35), accuracy=np.linspace(0.6, 0.96, 20))
    counts = {"train": 57_000, "validation": 3_000, "test": 10_000}
    yield case(lost, {"train": 0.95, "validation": 0.928, "test": 0.929}, counts)


def one_answer():
    return answered(np.arange(100) % 2, [0] * 100, 2)


KINDS = {
    "from scratch": "scratch",
    "the course's": "course/cats-dogs",
    "a linear head": "transfer",
    "a dense head": "transfer --head dense",
    "tuned": "transfer/fine-tuned",
    "a dense head, tuned": "transfer/fine-tuned --head dense",
    "the course's base": "course/cats-dogs-inception",
    "varied": "scratch --augment none",
    "a rate of its own": "scratch --set training.optimizer=sgd --set training.schedule=step",
}


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_every_flag_is_taken_by_the_recipe_that_it_is_advised_for(viewfinder, monkeypatch, words):
    taken = []
    monkeypatch.setattr(sys.modules["viewfinder.cli.train.command"], "_plan", taken.append)
    begun = ["train", "pictures", "--dry-run", "--recipe", *words.split()]

    def recipe(*more: str) -> Recipe:
        assert viewfinder(*begun, *more).code == 0
        return taken.pop().whole_recipe()

    plain = recipe()
    epochs = 1 if plain.chooses_on_folds else 100
    advised = {
        tip.flag
        for one in troubled()
        if not (plain.chooses_on_folds and one.units)  # a frozen base's are not looked at
        for found in diagnose(replace(one, recipe=plain, history=one.history[:epochs])).verdicts
        for tip in found.tries
        if tip.flag.startswith("--") and "--recipe" not in tip.flag
    }
    assert advised
    for flag in sorted(advised):
        assert recipe(*flag.split()) != plain, flag


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_only_what_was_interrupted_is_to_be_resumed(is_interrupted):
    averaged = made_recipe(20, 1.0, schedule="cosine", **{"training.average_epochs": 1.0})
    cut = [replace(one, recipe=averaged, interrupted=is_interrupted) for one in troubled()]
    tips = [
        [tip.flag for tip in found.tries]
        for one in cut
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
