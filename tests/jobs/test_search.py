"""Training without a recipe: what is tried, what is taken, and what a stopped search keeps."""

import json
from functools import partial
from itertools import product
from math import comb
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from runs import write_run
from shortcuts import short_trainings
from small import small_recipe
from viewfinder.classifier import load
from viewfinder.core.errors import DataError, OutOfMemory, UsageError
from viewfinder.core.pairs import beats
from viewfinder.core.progress import Progress
from viewfinder.data.sources import open_dataset
from viewfinder.jobs.job import Job
from viewfinder.jobs.prepare import placed
from viewfinder.jobs.resume import resume
from viewfinder.jobs.search import auto, candidates
from viewfinder.jobs.search.candidates import Search
from viewfinder.jobs.search.trials import could_be_beaten, judged
from viewfinder.models import build_base
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.training.stopping import StopBefore, StopIfBehind

pytestmark = pytest.mark.usefixtures("shared_cache")

# --- Which of two ways is better ------------------------------------------------------------------


def test_equally_good_ways_take_each_others_place_by_chance_in_fewer_than_one_of_six_cases():
    for count in range(1, 60):
        cases = sum(comb(count, it) for it in range(count + 1) if beats(it, count - it))
        assert cases / 2**count < 1 / 6, count


def test_better_is_what_a_sign_test_says():
    for it, before in product(range(12), repeat=2):
        p = binomtest(it, it + before, alternative="greater").pvalue if it + before else 1
        assert beats(it, before) == (it > before and p < 1 / 6), (it, before)
    assert [could_be_beaten(wrong) for wrong in range(5)] == [False, False, False, True, True]


def test_ways_are_compared_on_the_pictures_that_both_have_answered():
    before = pd.Series({"a": True, "b": False, "c": False, "d": False})
    right = pd.Series({"a": True, "b": True, "c": True, "e": False})  # d was dropped, e is new
    facts = {"name": "it", "recipe": "it", "folds": None, "seconds": 1.0, "ended": "finished"}
    trial = judged(right, before, **facts)
    assert (trial.count, trial.right, trial.only_it, trial.only_before) == (4, 3, 2, 0)
    assert not trial.is_better  # 2 to 0 may be chance
    before = pd.Series({**before, "b": False, "f": False, "g": False})
    right = pd.Series({**right, "f": True, "g": True})
    assert judged(right, before, **facts).is_better
    for ended in ("behind", "not kept"):
        assert not judged(right, before, **{**facts, "ended": ended}).is_better


def test_a_training_that_is_behind_is_given_up_at_its_epoch_and_not_before():
    class Model:
        stop_training = False

    def ended(*accuracies):
        stopper = StopIfBehind(3, 0.8)
        stopper.set_model(Model())
        for epoch, accuracy in enumerate(accuracies):
            stopper.on_epoch_end(epoch, {"val_accuracy": accuracy})
        return stopper.reason

    assert ended(0.1, 0.2) is None
    assert ended(0.1, 0.2, 0.79) == "behind"
    assert ended(0.1, 0.85, 0.7) is None
    assert ended(0.1, 0.85, 0.7, 0.1) is None


# --- The search -----------------------------------------------------------------------------------


def probe_on(path, factor: float) -> Recipe:
    """A linear head on a small network, its weights drawn, times a factor."""
    options = {"alpha": 0.35, "weights": "none", "seed": 3}
    network = build_base("MobileNetV2", input_shape=(32, 32, 3), **options).model
    network.set_weights([factor * weight for weight in network.get_weights()])
    network.save_weights(path)
    base = {"alpha": 0.35, "cut": "block_3_expand_relu", "weights": str(path)}
    return recipe_named("transfer").changed({"model": base, "input.size": [32, 32]})


@pytest.fixture(scope="module")
def probe(tmp_path_factory) -> Recipe:
    """A head that knows these digits, for even drawn weights tell them apart."""
    return probe_on(tmp_path_factory.mktemp("weights") / "drawn.weights.h5", 1)


@pytest.fixture(scope="module")
def blind(tmp_path_factory) -> Recipe:
    """A head that can only guess, because all pictures look the same to its base."""
    return probe_on(tmp_path_factory.mktemp("weights") / "zero.weights.h5", 0)


def quick(dataset, probe: Recipe) -> Recipe:
    """A recipe without a base that learns the digits within seconds."""
    recipe = small_recipe(training__epochs=5).model_copy(update={"name": "tiny"})
    return recipe.changed({"data": probe.data.model_dump()}).resolved((8, 8), "gray")


@pytest.fixture
def opened(digits, monkeypatch):
    monkeypatch.setattr("viewfinder.jobs.search._from_scratch", quick)
    return open_dataset(digits)


@pytest.fixture(scope="module")
def held(blind) -> Recipe:
    """The head that can only guess; the test split is for what is chosen in the end."""
    return blind.changed({"data.holdout": "test"})


@pytest.fixture(scope="module")
def whole(digits, held, module_cache, tmp_path_factory) -> Run:
    """What a search that never stopped has chosen. Tests only read it."""
    with short_trainings() as patch:
        patch.setattr("viewfinder.jobs.search._from_scratch", quick)
        patch.setenv("VIEWFINDER_CACHE", str(module_cache))
        runs = tmp_path_factory.mktemp("runs")
        return auto(open_dataset(digits), held, output=runs, progress=Progress(0))


def test_the_better_way_is_taken_and_says_why(whole):
    run, folder = whole, whole.folder.parent
    record = json.loads((folder / "auto.json").read_text())
    first, *others = record["trials"]
    assert first["name"] == "linear"
    assert first["folds"] == Run(folder / "linear").probe["accuracy"]
    assert [other["name"] for other in others] == ["scratch"]
    # What won is fitted again, on the pictures that chose it, too.
    assert record["chosen"] == "scratch-on-all" == run.folder.name
    assert run.data["split"].value_counts().to_dict() == {"train": 120, "test": 36}
    assert record["finished"]
    assert run.trials["why"] == record["why"]
    # The same pictures have judged, and the predictions say the same as the record.
    for trial in record["trials"]:
        rows = Run(folder / trial["name"]).predictions
        rows = rows[rows["split"] == "validation"]
        assert trial["count"] == len(rows) == 24
        assert trial["right"] == (rows["label"] == rows["predicted"]).sum()
    # What is held out was seen by the one that was taken, at the end, and by no other.
    assert run.metrics["test"]["count"] == 36
    assert "test" not in Run(folder / "linear").metrics
    # The folder opens as the run that was taken.
    assert Run.open(folder).folder == run.folder
    assert Run.open(folder).name == "digits/scratch-on-all"
    picture = np.zeros((8, 8, 3), np.uint8)
    assert load(folder).predict(picture)[0].label == run.predict(picture)[0].label
    page = (run.folder / "report.html").read_text()
    assert "How the model was chosen" in page
    assert "How the model was chosen" not in (folder / "linear" / "report.html").read_text()


def test_a_linear_head_that_wins_is_fitted_on_all_pictures_in_the_end(digits, probe, tmp_path):
    held = probe.changed({"data.holdout": "test"})
    run = auto(open_dataset(digits), held, output=tmp_path, progress=Progress(0))
    record = json.loads((tmp_path / "digits" / "auto.json").read_text())
    assert [trial["name"] for trial in record["trials"]] == ["linear"]  # it is right on all
    assert record["chosen"] == "linear-on-all"
    assert run.data["split"].value_counts().to_dict() == {"train": 120, "test": 36}
    assert set(run.metrics) >= {"train", "test"}
    assert "validation" not in run.metrics


def test_the_ways_for_photos_are_fine_tuning_and_then_scratch(probe):
    scratch = recipe_named("scratch").resolved((96, 96), "rgb")
    first, *others = candidates.candidates_for(probe, scratch)
    (tuned_name, tuned), (scratch_name, from_scratch) = others
    assert first == ("linear", probe)
    assert (tuned_name, scratch_name) == ("fine-tuned", "scratch")
    assert tuned.model == probe.model
    assert tuned.input == probe.input
    assert tuned.training.fine_tune is not None
    assert from_scratch == scratch


def test_a_stopped_search_keeps_a_model_and_goes_on(
    opened, held, whole, tmp_path, capsys, monkeypatch
):
    def pressed(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "digits"
    with monkeypatch.context() as patch:
        patch.setattr(StopIfBehind, "on_epoch_end", pressed)
        run = auto(opened, held, output=tmp_path, progress=Progress(1))
    resumes = [line for line in capsys.readouterr().err.splitlines() if "--resume" in line]
    assert resumes == [f"Resume with: viewfinder train --resume {folder}"]
    assert run.folder == folder / "linear"
    assert run.trials is None
    assert not json.loads((folder / "auto.json").read_text())["finished"]
    assert len(Run(folder / "scratch").history) < 5
    again = resume(folder, progress=Progress(0))
    assert again.folder == folder / "scratch-on-all"
    assert len(again.history) == 5
    assert json.loads((folder / "auto.json").read_text())["finished"]
    for name in ("scratch", "scratch-on-all"):
        histories = [Run(runs / name).history for runs in (folder, whole.folder.parent)]
        pd.testing.assert_frame_equal(*histories)
    with pytest.raises(UsageError, match="has ended"):
        resume(folder, progress=Progress(0))


@pytest.mark.slow
def test_fine_tuning_that_was_killed_goes_on_in_its_second_phase(
    opened, blind, tmp_path, monkeypatch, capsys
):
    """The linear head was killed, too, while its run was written: it is fitted anew."""
    phases = {"epochs": 2, "blocks": 1, "set_aside": 0.25}
    tuned = recipe_named("transfer/fine-tuned").changed({"training.fine_tune": phases})
    tuned = tuned.changed({"model": blind.model.model_dump(), "input": blind.input.model_dump()})
    monkeypatch.setattr(
        candidates, "candidates_for", lambda probe, _: [("linear", probe), ("fine-tuned", tuned)]
    )
    whole = auto(opened, blind, output=tmp_path, name="whole", progress=Progress(0))

    def killed(*_, **__):
        raise SystemExit

    def killed_at_the_end(run, name, record):
        if name == "timing.json":
            raise SystemExit
        write(run, name, record)

    folder, write = tmp_path / "digits", Run.write
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", killed_at_the_end)
        with pytest.raises(SystemExit):
            auto(opened, blind, output=tmp_path, progress=Progress(0))
    assert (folder / "linear/model.onnx").exists()
    with monkeypatch.context() as patch:
        patch.setattr("viewfinder.training.fine_tune.Decision.of", killed)
        with pytest.raises(SystemExit):
            resume(folder, progress=Progress(0))
    assert not json.loads((folder / "auto.json").read_text())["finished"]
    capsys.readouterr()
    again = resume(folder, progress=Progress(1))
    said = capsys.readouterr().err
    assert "The first phase has ended; continuing with fine-tuning." in said
    assert "Resuming in epoch 2" in said
    pd.testing.assert_frame_equal(
        Run(folder / "fine-tuned").history, Run(tmp_path / "whole/fine-tuned").history
    )
    assert again.folder.name == whole.folder.name


def test_a_search_whose_time_is_over_begins_nothing(opened, blind, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(candidates, "_MOST_PROBED", {"train": 6, "validation": 2_000})
    run = auto(opened, blind, output=tmp_path, max_time=0.01, progress=Progress())
    assert run.folder.name == "linear-on-all"
    assert [trial["name"] for trial in run.trials["trials"]] == ["linear"]
    said = capsys.readouterr().err
    assert "The time is over: no further candidate is trained." in said
    assert "The time is over: 90 pictures are left out." in said
    assert run.dataset.split_sizes()["train"] == 6  # what the probe had seen
    assert run.metrics["test"]["count"] == 36  # all of them


class Clock:
    """Seconds that pass only where a fake training says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


# What a fake training takes, how many answers are right, and its evaluation and report.
SECONDS = {"linear": 20, "fine-tuned": 60, "scratch": 120}
RIGHT = {"linear": 12, "fine-tuned": 16, "scratch": 23}
REST = 5


class FakeTraining:
    """Stands for `train_run`: takes its seconds in batches, until a callback stops it."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.began, self.sources = clock, [], set()

    def __call__(self, data, _, job):
        self.began.append(job.name)
        self.sources.add(str(data.source))
        name = job.name.removesuffix("-on-all")
        sizes = data.split_sizes()
        model, ended = SimpleNamespace(stop_training=False), "finished"
        for stopper in job.callbacks:
            stopper.set_model(model)
        seconds = SECONDS[name] * sizes["train"] // 96
        for _ in range(1 if job.name == "linear-on-all" else seconds):  # its features are known
            self.clock.now += 1
            for stopper in job.callbacks:
                stopper.on_train_batch_end(0)
            if model.stop_training:
                ended = "time"
                break
        self.clock.now += REST
        table = data.table.assign(status="ok", content="", detail="", width=8.0, height=8.0)
        held = table[table["split"] == "validation"]
        right = np.arange(len(held)) < RIGHT[name]
        answers = held.assign(predicted=np.where(right, held["label"], "none"), confidence=1.0)
        answers["probabilities"] = [[1.0] + [0.0] * (len(data.classes) - 1)] * len(held)
        write_run(
            job.output / job.name,
            classes=data.classes,
            data=table,
            metrics={"best_epoch": 1},
            predictions=answers,
            history=pd.DataFrame(),
            timing={"ended": ended, "why": "", "interrupted": False, "features_s": 15.0},
        )
        return Run.open(job.output / job.name)


@pytest.mark.parametrize(
    ("limit", "begun", "chosen"),
    [
        (10, ["linear", "linear-on-all"], "linear-on-all"),
        (40, ["linear", "linear-on-all"], "linear-on-all"),
        (50, ["linear", "fine-tuned"], "fine-tuned"),
        (100, ["linear", "fine-tuned"], "fine-tuned"),
        (150, ["linear", "fine-tuned", "scratch"], "scratch"),
        (300, ["linear", "fine-tuned", "scratch"], "scratch"),
        (500, ["linear", "fine-tuned", "scratch", "scratch-on-all"], "scratch-on-all"),
    ],
)
def test_a_search_ends_in_its_time_whatever_it_has_begun(
    digits, probe, tmp_path, monkeypatch, limit, begun, chosen
):
    clock = Clock()
    training = FakeTraining(clock)
    monkeypatch.setattr(candidates, "train_run", training)
    monkeypatch.setattr(candidates, "time", SimpleNamespace(monotonic=clock, perf_counter=clock))
    stopping = "viewfinder.training.stopping.StopBefore"
    monkeypatch.setattr(stopping, partial(StopBefore, clock=clock))
    for name in ("evaluate", "conclude"):
        monkeypatch.setattr(Run, name, lambda *_, **__: None)
    data = open_dataset(digits).split(validation=0.2)
    scratch = recipe_named("scratch").resolved((96, 96), "rgb")
    until = clock() + limit
    job = Job(output=tmp_path, progress=Progress(0))
    search = Search(tmp_path, data, probe, scratch, True, until, job, {})
    run = search.run()
    assert training.began == begun
    assert run.folder.name == chosen
    least = SECONDS["linear"] + REST + 1 + REST  # the first is never stopped
    assert clock() <= max(until, 1000 + least)
    assert clock() >= min(until, 1000 + least) - 0.5 * limit  # nothing is stopped for nothing


def test_each_candidate_names_the_data_as_it_was_given(digits, probe, tmp_path, monkeypatch):
    """Otherwise a warning that names the data is printed twice, with two paths."""
    training = FakeTraining(Clock())
    monkeypatch.setattr(candidates, "train_run", training)
    monkeypatch.setattr("viewfinder.jobs.search._from_scratch", quick)
    for name in ("evaluate", "conclude"):
        monkeypatch.setattr(Run, name, lambda *_, **__: None)
    monkeypatch.chdir(digits.parent)
    auto(open_dataset(digits.name), probe, output=tmp_path, progress=Progress(0))
    assert training.sources == {digits.name}


# --- Weights --------------------------------------------------------------------------------------


def test_a_way_for_which_the_memory_is_too_small_is_left_out_and_named(
    opened, blind, tmp_path, capsys, monkeypatch
):
    trained = Search._trained

    def too_large(search, name, recipe, data):
        if name == "scratch":
            raise OutOfMemory("The memory is too small.", remedy="--batch-size 8")
        return trained(search, name, recipe, data)

    monkeypatch.setattr(Search, "_trained", too_large)
    run = auto(opened, blind, output=tmp_path, progress=Progress())
    assert run.trials["chosen"] == "linear"
    assert run.trials["why"].endswith("; the memory is too small for scratch.")
    assert "scratch is left out. The memory is too small." in capsys.readouterr().err


def test_without_weights_a_network_is_trained_from_scratch_and_it_says_so(
    opened, tmp_path, monkeypatch, capsys, no_wheel
):
    def offline(*_, **__):
        raise DataError("The weights are not at hand.", received="no network")

    monkeypatch.setattr("viewfinder.bases.from_catalogue.obtain_weights", offline)
    run = auto(opened, output=tmp_path, progress=Progress())
    assert run.folder == tmp_path / "digits"
    assert run.recipe.name == "tiny"
    said = capsys.readouterr().err
    assert "The weights are not at hand. no network" in said
    assert "from scratch" in said


def test_a_narrower_network_that_is_at_hand_is_taken_before_a_download(
    monkeypatch, own_cache, no_wheel
):
    from viewfinder.bases.at_hand import weights_folder
    from viewfinder.jobs.search.candidates import with_weights

    def download(*_, **__):
        raise AssertionError("downloaded")

    monkeypatch.setattr("viewfinder.bases.from_catalogue.obtain_weights", download)
    monkeypatch.setenv("VIEWFINDER_CACHE", str(own_cache))
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    weights_folder().mkdir(parents=True)
    (weights_folder() / name).touch()
    found = with_weights(recipe_named("transfer"), Progress(0))
    assert found.model.alpha == 0.35
    with pytest.raises(AssertionError, match="downloaded"):
        with_weights(recipe_named("transfer").changed({"model.alpha": 0.5}), Progress(0))


def test_a_weights_file_that_is_not_there_is_an_error(tmp_path, digits):
    wanted = recipe_named("transfer").changed({"model.weights": str(tmp_path / "gone.h5")})
    with pytest.raises(DataError, match=r"no weights file .*gone\.h5"):
        auto(open_dataset(digits), wanted, output=tmp_path / "runs", progress=Progress(0))


def test_tuning_that_did_not_help_takes_no_place(digits, probe, tmp_path, monkeypatch):
    """Else the head it began with would win by chance, as one fitted on other pictures."""
    locators = [f"{number}.png" for number in range(20)]

    def run_that_knows(count: int, **others):
        said = ["a"] * count + ["b"] * (20 - count)
        table = {"locator": locators, "split": "validation", "label": "a", "predicted": said}
        timing = {"ended": "finished"}
        return SimpleNamespace(predictions=pd.DataFrame(table), timing=timing, **others)

    runs = {
        "linear": run_that_knows(10, probe={"accuracy": 0.5}, fine_tuning=None),
        "fine-tuned": run_that_knows(20, probe=None, fine_tuning={"kept": False}),
    }
    monkeypatch.setattr(candidates.Search, "_trained", lambda _, name, *__: runs[name])
    data = open_dataset(digits)
    one = candidates.Search(tmp_path, data, probe, probe, False, 0.0, Job(progress=Progress(0)), {})
    for name in runs:
        assert one._try(name, probe, data)
    assert one.chosen == "linear"
    assert one.trials[-1].ended == "not kept"


@pytest.mark.parametrize("held", [True, False])
def test_fine_tuning_that_won_is_repeated_on_all_that_may_train(
    digits, probe, tmp_path, monkeypatch, held
):
    seen = []
    monkeypatch.setattr(candidates, "train_run", lambda *given: seen.append(given))
    data = open_dataset(digits).split(validation=0.25)
    job = Job(progress=Progress(0))
    one = candidates.Search(
        tmp_path, data, probe, probe, held, np.inf, job, {}, chosen="fine-tuned"
    )
    tuned = recipe_named("transfer/fine-tuned")
    one._fit_on_all(tuned, data)
    ((all_pictures, recipe, again),) = seen
    sizes = {"train": 120, "test": 36} if held else data.split_sizes()
    assert all_pictures.split_sizes() == sizes
    assert placed(all_pictures, recipe).split_sizes() == sizes  # nothing is set aside again
    assert recipe.training == tuned.training
    assert (again.name, one.chosen) == ("fine-tuned-on-all",) * 2
    assert "test" in again.splits
