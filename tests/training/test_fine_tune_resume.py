"""A resumed fine-tuning equals an uninterrupted one bit for bit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from residual import batches, recipe, residual_base

from viewfinder.augment import policy
from viewfinder.core.progress import Progress
from viewfinder.models import transfer
from viewfinder.training import compile_model, fine_tune, fit
from viewfinder.training.fine_tune import Decision, Feeds
from viewfinder.training.phases import Phases, set_aside

# Pictures that are not set aside, in batches of 8.
STEPS, EPOCHS = 4, 2
MODELS = ("best.keras", "last.keras")


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    """Run steps eagerly: compiling takes most of the time and does not affect resuming."""

    def compile_to_run_eagerly(model, *words, **options):
        compile_model(model, *words, **options)
        model.run_eagerly = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tune, "compile_model", compile_to_run_eagerly)
        yield compile_to_run_eagerly


class Tuning:
    """A run of both phases, as in a new process."""

    def __init__(self, folder: Path, compiling: Callable[..., None]) -> None:
        """Use all that a step may depend on: dropout, averages, a schedule, augmentation."""
        self.phases, self.said, self._compile = Phases(folder), [], compiling
        self.recipe = recipe(blocks=2, factor=0.5, epochs=EPOCHS).changed(
            {
                "model.dropout": 0.4,
                "training.optimizer": "adamw",
                "training.schedule": "cosine",
                "training.average_epochs": 1.0,
            }
        )
        train, aside = set_aside(batches(shuffle=True, plan=policy("course"), seed=5), 0.2)
        self.feeds = Feeds(train, batches(), aside)
        self.settings = {"progress": Progress(0)}
        self.settings["progress"].say = lambda text, **_: self.said.append(text)

    def first(self, *callbacks: keras.callbacks.Callback, resume: bool = False):
        """Run the first phase, without copying its result."""
        keras.utils.set_random_seed(7 if resume else 1)  # the process's seed has no effect
        model = transfer(residual_base(), classes=2)
        self._compile(model, self.recipe, steps=STEPS * EPOCHS)
        pictures = self.feeds.train, self.feeds.validation
        return fit(
            model,
            *pictures,
            self.recipe,
            self.phases.run,
            callbacks=callbacks,
            resume=resume,
            **self.settings,
        )

    def second(self, *callbacks: keras.callbacks.Callback):
        """Run the second phase from the copied result of the first."""
        return fine_tune.fine_tune(
            self.phases, self.feeds, self.recipe, callbacks=callbacks, **self.settings
        )


@pytest.fixture(scope="module")
def whole(tmp_path_factory, eagerly) -> Path:
    """An uninterrupted run, with the result of its first phase in `first` beside the run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    folder.mkdir()
    tuning = Tuning(folder, eagerly)
    fitted = tuning.first()
    shutil.copytree(folder, folder.with_name("fitted"))
    tuning.phases.end_first(fitted)
    shutil.copytree(folder, folder.with_name("first"))
    tuning.second()
    return folder


@pytest.fixture
def tuning(whole, tmp_path, eagerly) -> Callable[[], Tuning]:
    """A factory of runs whose first phase has ended, each as in a new process."""
    folder = shutil.copytree(whole.with_name("first"), tmp_path / "run")
    return lambda: Tuning(folder, eagerly)


def assert_equal(whole: Path, resumed: Path) -> None:
    """Assert that history and verdict are the same bytes, and the models the same weights."""
    for name in ("history.csv", "fine_tuning.json"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()
    assert_same_models(whole, resumed)


def assert_same_models(one: Path, other: Path) -> None:
    for name in MODELS:
        mine, theirs = (keras.saving.load_model(place / name) for place in (one, other))
        for left, right in zip(mine.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(left), np.asarray(right), err_msg=left.path)


def assert_usable(run: Path) -> None:
    model = keras.saving.load_model(run / "best.keras")
    answer = model.predict_on_batch(np.zeros((1, *model.input_shape[1:])))
    assert np.isfinite(np.asarray(answer)).all()
    assert len(pd.read_csv(run / "history.csv")) >= EPOCHS


class StopAt(keras.callbacks.Callback):
    """Raises Ctrl-C after a batch of an epoch, or a kill before it; both numbered from 0."""

    def __init__(self, epoch: int, batch: int, *, kills: bool = False) -> None:
        super().__init__()
        self._at, self._kills, self._epoch = (epoch, batch), kills, 0

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        if self._kills and (self._epoch, batch) == self._at:
            raise SystemExit

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        if not self._kills and (self._epoch, batch) == self._at:
            raise KeyboardInterrupt


def test_stopped_in_the_first_phase(tmp_path, whole, eagerly):
    assert Tuning(tmp_path, eagerly).first(StopAt(1, 1)).interrupted
    assert Phases(tmp_path).first is None
    again = Tuning(tmp_path, eagerly)
    again.phases.end_first(again.first(resume=True))
    again.second()
    assert_equal(whole, tmp_path)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param((0, 0), marks=pytest.mark.slow),
        (0, STEPS - 1),
        pytest.param((1, 1), marks=pytest.mark.slow),
        pytest.param((EPOCHS - 1, STEPS - 1), marks=pytest.mark.slow),
    ],
)
def test_stopped_in_the_second_phase(tuning, whole, cut):
    one = tuning()
    assert one.second(StopAt(*cut)).ended == "interrupted"
    assert_usable(one.phases.run)
    again = tuning()
    assert again.second().ended == "finished"
    assert f"Resuming in epoch {cut[0] + 1}, after {cut[1] + 1} of {STEPS} batches." in again.said
    assert_equal(whole, again.phases.run)


@pytest.mark.slow
def test_killed_in_the_second_phase_again_and_again(tuning, whole):
    for cut in [(0, 0), (1, 0), (1, 2)]:
        one = tuning()
        with pytest.raises(SystemExit):
            one.second(StopAt(*cut, kills=True))
        assert_usable(one.phases.run)
        assert_same_models(whole.with_name("first"), one.phases.run)
    again = tuning()
    again.second()
    assert "Resuming in epoch 1, after 4 of 4 batches." in again.said
    assert_equal(whole, again.phases.run)


@pytest.fixture
def killed_before(monkeypatch):
    """Kills the process just before it creates a file."""

    def at(file: Path, work: Callable[[], object]) -> None:
        replace = Path.replace

        def dying(self, target):
            if target == file:
                raise SystemExit
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dying)
            with pytest.raises(SystemExit):
                work()

    return at


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MODELS, "history.parquet", "fitted.json"])
def test_killed_between_the_phases(tmp_path, whole, eagerly, killed_before, name):
    folder = shutil.copytree(whole.with_name("fitted"), tmp_path / "run")
    one = Tuning(folder, eagerly)
    fitted = one.first(resume=True)
    killed_before(one.phases.before / name, lambda: one.phases.end_first(fitted))
    assert_usable(folder)
    assert one.phases.first is None
    again = Tuning(folder, eagerly)
    again.phases.end_first(again.first(resume=True))
    again.second()
    assert_equal(whole, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MODELS, "history.csv", "fine_tuning.json"])
def test_killed_during_the_decision(tuning, whole, killed_before, name):
    one = tuning()
    killed_before(one.phases.run / name, one.second)
    assert_usable(one.phases.run)
    tuning().second()
    assert_equal(whole, one.phases.run)


def test_the_better_phase_may_change_after_resuming(tuning, whole, monkeypatch):
    one = tuning()
    monkeypatch.setattr(Decision, "is_kept", True)
    one.second(StopAt(1, 1))
    assert_same_models(one.phases.after, one.phases.run)
    monkeypatch.setattr(Decision, "is_kept", False)
    tuning().second()
    assert_same_models(whole.with_name("first"), one.phases.run)
    phases = pd.read_csv(one.phases.run / "history.csv")["phase"].tolist()
    assert phases == ["head"] * EPOCHS + ["fine-tuning, not kept"] * EPOCHS


def test_the_first_result_is_read_back_exactly(tuning, whole):
    fitted = tuning().phases.first
    assert fitted.ended == "finished"
    assert len(fitted.seconds) == len(fitted.history) == EPOCHS
    assert fitted.training_seconds > 0
    text = fitted.history.to_csv(index=False)
    assert text == (whole.with_name("first") / "history.csv").read_text()
