"""`viewfinder evaluate`, `recipes` and `demo`."""

import errno
import json
from pathlib import Path

import pytest
import yaml

from small import copied, small_words
from viewfinder.core.errors import OutputError
from viewfinder.core.progress import Progress
from viewfinder.recipe.named import RECIPES
from viewfinder.run import Run


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return copied(trained.folder, tmp_path)


def test_evaluate_makes_the_metrics_and_the_report_again(viewfinder, run, trained):
    for name in ("metrics.json", "predictions.parquet", "report.html"):
        (run / name).unlink()
    ended = viewfinder("evaluate", run, "--quiet")
    assert ended.code == 0
    assert ended.err == ""
    assert json.loads((run / "metrics.json").read_text()) == trained.metrics
    assert (run / "report.html").is_file()
    rows = {line.split()[0]: line.split()[1:3] for line in ended.out.splitlines()[1:]}
    for split in ("train", "validation", "test"):
        said = trained.metrics[split]
        assert rows[split] == [str(said["count"]), f"{said['accuracy']:.4f}"]


def test_evaluate_as_json_is_the_metrics(viewfinder, run, trained):
    ended = viewfinder("evaluate", run, "--json")
    assert ended.json == trained.metrics
    assert ended.json["schema"] == 1


def test_report_names_the_page(viewfinder, run):
    (run / "report.html").unlink()
    before = (run / "metrics.json").stat().st_mtime_ns
    ended = viewfinder("evaluate", run, "--report-only")
    assert ended.out.splitlines()[-1] == f"Report: {run}/report.html"
    assert (run / "metrics.json").stat().st_mtime_ns == before
    assert (run / "report.html").is_file()


MISHAPS = {
    "bare": OSError(errno.ENOSPC, "No space left on device"),
    "told": OutputError("Cannot write accuracy.png: No space left on device."),
}


@pytest.mark.parametrize(
    "error",
    [MISHAPS["bare"], pytest.param(MISHAPS["told"], marks=pytest.mark.slow)],
    ids=MISHAPS,
)
def test_a_report_that_cannot_be_written_costs_no_run(viewfinder, digits, monkeypatch, error):
    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("viewfinder.pages.report.write_report", fail)
        ended = viewfinder("train", digits, *small_words(training__epochs=1), "--name", "a b", "-q")
    ended.refused(2, "runs/a b is trained and kept", "No space left on device")
    run = Run.open("runs/a b")
    assert run.timing["ended"] == "finished"
    assert run.metrics["test"]["count"] == 36
    assert not (run.folder / "report.html").exists()
    assert "Remedy: viewfinder evaluate 'runs/a b' writes it" in ended.err
    assert viewfinder("evaluate", "runs/a b", "--report-only").code == 0
    assert (run.folder / "report.html").is_file()


def test_a_bug_in_the_report_is_not_hidden(run, monkeypatch):
    def fail(*_):
        raise ValueError("a plot of ours")

    monkeypatch.setattr("viewfinder.pages.report.write_report", fail)
    with pytest.raises(ValueError, match="a plot of ours") as raised:
        Run.open(run).conclude(Progress(0))
    assert "viewfinder evaluate" in raised.value.__notes__[0]


@pytest.mark.parametrize("words", [[], ["--report-only"]])
def test_what_is_no_run_ends_in_3(viewfinder, words, tmp_path):
    viewfinder("evaluate", "none", *words).refused(3, "none is not a run", "no such folder")
    viewfinder("evaluate", tmp_path, *words).refused(3, "is not a run", "no recipe.yaml in it")


def test_a_run_without_metrics_says_how_to_get_them(viewfinder, run):
    (run / "metrics.json").unlink()
    viewfinder("evaluate", run, "--report-only").refused(
        3, "no metrics.json", "viewfinder evaluate"
    )


def test_recipes_are_listed(viewfinder):
    ended = viewfinder("recipes")
    for name, recipe in RECIPES.items():
        (line,) = [line for line in ended.out.splitlines() if line.startswith(f"{name} ")]
        assert recipe.summary in line
    listed = viewfinder("recipes", "--json").json
    assert listed["schema"] == 1
    assert [one["name"] for one in listed["recipes"]] == list(RECIPES)


def test_a_recipe_is_shown_as_yaml_that_config_takes(viewfinder, digits):
    ended = viewfinder("recipes", "course/cats-dogs")
    Path("mine.yaml").write_text(ended.out)
    assert yaml.safe_load(ended.out)["training"]["batch_size"] == 20
    words = ["train", digits, "--config", "mine.yaml", "--dry-run", "--json"]
    assert viewfinder(*words).json["parameters"] == 9_494_561 + 512 * 2 + 2  # three classes


def test_the_schema_of_a_recipe_names_keys_that_set_takes(viewfinder, digits):
    shown = viewfinder("recipes", "scratch", "--schema", "--json").json
    keys = {key["key"]: key for key in shown["keys"]}
    assert keys["training.batch_size"]["range"] == "≥ 1"
    given = {name: key["value"] for name, key in keys.items() if key["value"] is not None}
    words = [f"--set={name}={json.dumps(value)}" for name, value in given.items()]
    ended = viewfinder("train", digits, "--recipe", "scratch", *words, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    text = viewfinder("recipes", "scratch", "--schema").out
    assert all(f"{name}  " in text for name in keys)
    viewfinder("recipes", "--schema").refused(2, "recipes NAME --schema")


def test_an_unknown_recipe_is_refused(viewfinder):
    viewfinder("recipes", "digit").refused(2, "did you mean 'digits'")


@pytest.mark.slow
def test_the_demo(viewfinder):
    ended = viewfinder("demo", "shown")
    assert ended.code == 0
    assert "Report: shown/runs/digits/report.html" in ended.out
    metrics = json.loads(Path("shown/runs/digits/metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.97
    assert viewfinder("demo", "shown", "-q").err.count("\n") <= 2


def test_the_cache_says_where_there_is_nothing(viewfinder, own_cache, digits):
    assert viewfinder("cache", "list").out == f"There is nothing in {own_cache} yet.\n"
    assert viewfinder("cache", "list", "--json").json["stores"] == []
    assert viewfinder("cache", "clear").out == "There was nothing to clear.\n"
    assert viewfinder("train", digits, "--dry-run", "-q").code == 0
    listed = viewfinder("cache", "list").out
    assert str(digits) in listed
    assert listed.endswith(f"In {own_cache}\n")
    assert viewfinder("cache", "clear").out.startswith("Freed ")
