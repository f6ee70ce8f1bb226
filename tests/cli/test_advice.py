"""Each suggestion of the doctor, run on the data and the recipe of the run that it was made for."""

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from evaluation.doctor.cases import answered, case, flat, history, scores
from folders import write_classes
from small import small_recipe
from viewfinder.cli.train.folds import first_fold
from viewfinder.data.sources import open_dataset
from viewfinder.evaluation.doctor import Case, diagnose
from viewfinder.evaluation.doctor import verdict as rules
from viewfinder.jobs.prepare import placed
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run_folder.files import UnitsOfLayer

BASE = {"model.alpha": 0.25, "model.base": "MobileNet", "model.weights": "none"}
BASE |= {"input.size": [32, 32]}
REFUSED = {
    "kept": False,
    "pictures": 20,
    "before": {"accuracy": 0.9},
    "after": {"accuracy": 0.7},
    "only_before": 5,
    "only_after": 1,
}
IN_NAMES = {  # in the names of `write_classes`
    "group_from": r"(\d)\.png",
    "count": 10,
    "torn": 10,
    "torn_as_given": 0,
    "differs": True,
    "measured_on": "the features of MobileNet",
    "accuracy_at_random": 0.9,
    "accuracy_grouped": 0.7,
    "folds": 10,
}
LINEAR = recipe_named("transfer").changed(BASE)
TUNED = recipe_named("transfer/fine-tuned").changed(BASE)
DENSE = {"model.dense": [8], "training.augment": "none"}
RECIPES = {
    "stack": small_recipe(training__epochs=6),
    "averaged": recipe_named("scratch/small").changed({"training.epochs": 12}),
    "large": recipe_named("scratch/large"),
    "varied": recipe_named("scratch").changed({"training.augment": "none"}),
    "steps down": recipe_named("scratch").changed(
        {"training.optimizer": "sgd", "training.schedule": "step"}
    ),
    "course": recipe_named("course/cats-dogs"),
    "course, on a base": recipe_named("course/cats-dogs-inception"),
    "strong": small_recipe(training__augment="strong", model__dropout=0.5, model__l2=0.05),
    "target": small_recipe(training__stop={"target": "accuracy=0.9", "patience": 5}),
    "ended early": small_recipe(training__epochs=40, training__stop={"patience": 5}),
    "held out": small_recipe(data__holdout="validation"),
    "tested": small_recipe(data__test=0.2, data__validation=0.4),
    "solved": LINEAR,
    "solved in views": LINEAR.changed({"training.augment": "standard", "model.views": 4}),
    "tuned": TUNED,
    "dense": TUNED.changed({**DENSE, "training.fine_tune": None}),
    "dense, tuned": TUNED.changed(DENSE),
}


told = cache(scores)


def cases(recipe: Recipe, given: frozenset[str]) -> Iterator[Case]:
    """A training of this recipe with any problem that the rules know."""
    done = 1 if recipe.solves_head else 12
    epochs = np.arange(done)
    down, up = flat(0.69, 0.02, done), np.r_[flat(0.69, 0.4, 6), np.linspace(0.5, 2, 8)][:done]
    waves = 0.4 + 0.15 * (-1.0) ** epochs
    creeping = np.linspace(0.72, 0.66, done)
    swings = 0.85 + 0.05 * np.random.default_rng(0).normal(size=done)
    pairs = [(down, down + 0.05), (down, up), (waves, waves), (creeping, creeping), (up, up)]
    pairs += [(down * np.nan, down), (np.linspace(0.69, 0.3, done),) * 2]
    tables = [history(*pair) for pair in pairs] + [history(down, down, None, swings)]
    tables += [history(down[:2], down[:2]), history([], [], [], [])]
    splits = ("train", "validation", *(("test",) if "test" in given else ()))
    levels = [(0.94, 0.91, 0.91), (1.0, 0.6, 0.6), (0.985, 0.895, 0.8), (0.6, 0.6, 0.6)]
    levels += [(0.5, 0.5, 0.5), (0.8, 0.95, 0.7)]
    tuning = None if recipe.training.fine_tune is None else {"kept": True}
    folds = 0.97 if recipe.chooses_on_folds else None
    best = None if recipe.chooses_on_folds else done
    parts = {"recipe": recipe, "given": given, "folds": folds, "best_epoch": best}
    one = case(tables[0], fine_tuning=tuning, **parts)
    for number, table in enumerate(tables * 2):
        level, of_each = levels[number % len(levels)], 1000 if number % 7 else 20
        found = {name: told(right, 2 * of_each) for name, right in zip(splits, level, strict=False)}
        yield replace(one, history=table, scores=found, class_counts={"0": of_each, "1": of_each})
    labels = np.arange(100) % 2
    same = {"train": told(0.9, 100), "validation": answered(labels, [0] * 100, 2)}
    yield replace(one, scores=same, class_counts={"0": 900, "1": 90})
    few = np.where(labels, np.arange(100) % 5 == 0, 0)  # of class 1, a fifth is found
    weak = {"train": told(0.9, 100), "validation": answered(labels, few, 2)}
    yield replace(one, scores=weak, class_counts={"0": 900, "1": 90})
    thirds = np.arange(99) % 3
    never = {"train": told(0.9, 99), "validation": answered(thirds, thirds.clip(max=1), 3)}
    yield replace(one, scores=never, class_counts={"0": 900, "1": 90, "2": 90})
    if not recipe.chooses_on_folds:
        yield replace(one, history=tables[0][:2], interrupted=True)
        rates = np.full(done, recipe.steps.optimizer.learning_rate)
        yield replace(one, history=tables[0].assign(learning_rate=rates)[:10])
    yield replace(one, stages={"decoding": 90.0})
    yield replace(one, scores={"train": told(0.6, 2000), "validation": told(0.95, 2000)})
    if recipe.training.fine_tune:
        yield replace(one, fine_tuning=REFUSED)
    if not recipe.chooses_on_folds:
        unit = UnitsOfLayer(layer="a", units=32, relu=True, dead=30, largest=1e6)
        yield replace(one, units=[unit])
    yield replace(one, copies=1, contradicting=2)
    yield replace(one, series=IN_NAMES | {"torn_as_given": 10 if given else 0})


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Data without splits, and with a validation split, a leak and contradicting labels."""
    root = tmp_path_factory.mktemp("data")
    plain = write_classes(root / "plain", {"cat": 30, "dog": 30})
    split = root / "split"
    each = {"train/cat": 20, "train/dog": 20, "validation/cat": 8, "validation/dog": 8}
    write_classes(split, each)
    some = sorted((split / "train/cat").iterdir())
    shutil.copy(some[0], split / "validation/cat/copy.png")
    shutil.copy(some[1], split / "train/dog/copy.png")
    return {"plain": plain, "split": split}


@pytest.fixture
def planned(viewfinder, monkeypatch):
    """The recipe and the splits of `viewfinder train … --dry-run`, which reads no picture."""
    requests = []
    monkeypatch.setattr(sys.modules["viewfinder.cli.train.command"], "_plan", requests.append)

    def plan(*words):
        ended = viewfinder("train", *words, "--dry-run")
        assert ended.code == 0, (words, ended.err)
        request = requests.pop()
        recipe, dataset = request.whole_recipe(), request.dataset()
        if request.splits.folds is not None:
            dataset, recipe = first_fold(request)
        split = placed(dataset, recipe).table.set_index("locator")["split"].to_dict()
        return recipe.model_dump(mode="json", exclude={"data"}), split

    return plan


def splits_of(folder: Path) -> frozenset[str]:
    return frozenset(open_dataset(folder).split_sizes()) & {"train", "validation", "test"}


@cache
def suggested(recipe: Recipe, given: frozenset[str]) -> list[str]:
    verdicts = (verdict for sick in cases(recipe, given) for verdict in diagnose(sick).verdicts)
    return sorted({one.flag for verdict in verdicts for one in verdict.tries})


@pytest.mark.parametrize("each", ["once", pytest.param("everywhere", marks=pytest.mark.slow)])
def test_every_setting_is_accepted_and_changes_recipe_or_splits(folders, each, planned, tmp_path):
    """Each where it is suggested first, or for all recipes and data."""
    file, tried = tmp_path / "recipe.yaml", set()
    for folder, recipe in product(folders.values(), RECIPES.values()):
        given = splits_of(folder)
        if recipe.data.holdout and recipe.data.holdout not in given:
            continue
        file.write_text(recipe.to_yaml())
        flags = [flag for flag in suggested(recipe, given) if flag.startswith("--")]
        flags.remove("--store-limit 20GB")  # of the machine, not of the recipe
        assert flags
        flags = [flag for flag in flags if each == "everywhere" or flag not in tried]
        tried.update(flags)
        before = planned(folder, "--config", file) if flags else None
        for flag in flags:
            # Another recipe replaces that of the run; settings change it.
            own = () if flag.startswith("--recipe") else ("--config", file)
            assert planned(folder, *own, *shlex.split(flag)) != before, (recipe.name, flag)


def test_the_cases_give_all_advice():
    """A verdict that no case here has would give advice that is never run."""
    found = {
        verdict.code
        for name in ("varied", "ended early", "solved", "tuned")
        for given in (frozenset(), frozenset({"train", "validation", "test"}))
        for sick in cases(RECIPES[name], given)
        for verdict in diagnose(sick).verdicts
    }
    sources = Path(rules.__file__).parent.glob("*.py")
    codes = {
        code
        for path in sources
        for code in re.findall(r'Verdict\(\s*"([a-z-]+)"', path.read_text())
    }
    assert codes - found == set()


@pytest.mark.parametrize("data", ["plain", "split"])
def test_every_command_runs(folders, data, viewfinder, tmp_path):
    folder, file = folders[data], tmp_path / "recipe.yaml"
    recipe = RECIPES["stack"].changed({"data.allow_leaks": True})
    file.write_text(recipe.to_yaml())
    saved = tmp_path / "name.dataset"
    named = {"DATA": folder, "NAME.dataset": saved, "RUN/recipe.yaml": file}
    flags = [flag for flag in suggested(recipe, splits_of(folder)) if flag.startswith("viewf")]
    flags.remove("viewfinder train --resume RUN")  # run by tests/cli/test_resume_command.py
    assert len(flags) == (5 if data == "split" else 4)
    for flag in flags:
        words = [named.get(word, word) for word in shlex.split(flag)[1:]]
        if words[0] == "lr-find" and data == "split":
            continue  # the same on data of either kind
        words += ["--steps", "10"] if words[0] == "lr-find" else []
        ended = viewfinder(*words, "--json")
        assert ended.code == 0, (words, ended.err)
        if data == "split" and words[0] in ("split", "clean"):
            assert ended.json.get("placed") or ended.json.get("decisions"), words
        shutil.rmtree(saved, ignore_errors=True)
