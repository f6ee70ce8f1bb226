"""The search: a linear probe at once, then whatever does better on the pictures that judge.

All ways train on the same pictures and are judged on the same others. The first is there within
a minute; from then on the folder holds a model that can be used, whatever happens to the rest.
"""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.bases.at_hand import find_weights
from viewfinder.bases.base import Base
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.published import published_weights
from viewfinder.classifier import CHOSEN
from viewfinder.core.errors import DataError, OutOfMemory
from viewfinder.core.files import write_json
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.jobs.resume import can_go_on, resume
from viewfinder.jobs.search.trials import Trial, could_be_beaten, judged, reason, right_by_picture
from viewfinder.jobs.train import train
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.transfer import Transfer
from viewfinder.run import Run

LINEAR, TUNED, SCRATCH, LINEAR_ON_ALL = "linear", "fine-tuned", "scratch", "linear-on-all"

# More pictures than these make the probe slow, and hardly better.
_MOST_PROBED = {"train": 8_000, "validation": 2_000}
# A training from scratch is looked at after this share of its epochs; the rest of them may divide
# its mistakes by as much.
_LOOKED_AT, _CAN_STILL_GAIN = 0.4, 3


def ways_to_try(probe: Recipe, scratch: Recipe) -> list[tuple[str, Recipe]]:
    """What is tried: the probe, then what may do better, the more likely first.

    Args:
        probe: The recipe of the linear head.
        scratch: The recipe without a base.
    """
    ways = [(LINEAR, probe)]
    if scratch.name != "tiny":
        shared = probe.model_dump(include={"model", "input", "data", "seed"})
        ways.append((TUNED, recipe_named("transfer/fine-tuned").changed(shared)))
    return [*ways, (SCRATCH, scratch)]


@dataclass
class Search:
    """What is being tried, and what has come of it so far.

    Attributes:
        folder: Holds a run for each way, and `auto.json`.
        data: All pictures, each in its split, the same for all ways.
        probe: The recipe of the linear head, its weights at hand.
        scratch: The recipe without a base.
        is_held_out: Whether a split is kept for the end, and the judging pictures are carved.
        until: When to stop, on the clock of `time.monotonic`.
        progress: What is shown meanwhile.
        store_budget: The most bytes of decoded pixels on disk.
        facts: What `auto.json` keeps so that a stopped search can go on.
        spent: The seconds of trials from before it was stopped, by name.
        trials: What has been tried.
        chosen: The best way so far.
        best: Whether it answers each picture rightly, by locator.
        left_out: Ways for which the memory is too small.
    """

    folder: Path
    data: Dataset
    probe: Recipe
    scratch: Recipe
    is_held_out: bool
    until: float
    progress: Progress
    store_budget: int | None
    facts: dict[str, Any]
    spent: dict[str, float] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    chosen: str = LINEAR
    best: pd.Series | None = None
    left_out: list[str] = field(default_factory=list)

    def run(self) -> Run:
        """Try one way after another; the run of the best."""
        self._note(running=LINEAR)
        self._try(LINEAR, self.probe, self._probed())
        for name, recipe in ways_to_try(self.probe, self.scratch)[1:]:
            best = next(trial for trial in self.trials if trial.name == self.chosen)
            if not could_be_beaten(best.count - best.right):
                break
            if self.until - time.monotonic() < 1:
                self.progress.say("The time is over: nothing else is tried.")
                break
            self._note(running=name)
            self.progress.say(
                f"Next: {name}. Ctrl-C keeps {self.chosen}, which {self.folder} opens as already."
            )
            if not self._try(name, recipe, self.data):
                self.progress.say(
                    f"{self.chosen} is kept. Go on with: viewfinder train --resume {self.folder}",
                    style="yellow",
                )
                return Run.open(self.folder)
        return self._finish()

    def _try(self, name: str, recipe: Recipe, data: Dataset) -> bool:
        """Train and judge one way, unless the memory is too small; False if it was interrupted."""
        began = time.perf_counter()
        try:
            run = self._trained(name, recipe, data)
        except OutOfMemory as error:
            if not self.trials:
                raise
            self.progress.say(f"{name} is left out. {error}", style="yellow")
            self.left_out.append(name)
            return True
        ended = run.timing["ended"]
        if ended == "interrupted":
            return False
        if run.fine_tuning and not run.fine_tuning["kept"]:
            ended = "not kept"
        right = right_by_picture(run.predictions, "validation")
        facts = {
            "name": name,
            "recipe": recipe.name,
            "folds": run.probe["accuracy"] if run.probe else None,
            "seconds": self.spent.get(name, time.perf_counter() - began),
            "ended": ended,
        }
        trial = judged(right, self.best, **facts)
        self.progress.say(trial.in_words(self.chosen if self.trials else None), style="bold")
        self.trials.append(trial)
        if trial.is_better:
            self.chosen, self.best = name, right
        self._note()
        return True

    def _trained(self, name: str, recipe: Recipe, data: Dataset) -> Run:
        """The run of a way: as it is, taken up where it was stopped, or made."""
        left = self.until - time.monotonic()
        if name != LINEAR and np.isfinite(left):
            recipe = recipe.changed({"training.stop.max_time": left})
        settings: dict[str, Any] = {
            "progress": self.progress,
            "store_budget": self.store_budget,
            "callbacks": self._watchers(name, recipe),
            "judged": SPLITS[:2],
        }
        folder = self.folder / name
        if (folder / "recipe.yaml").exists():
            begun = Run.open(folder)
            if begun.timing["ended"] != "interrupted":
                return begun
            if can_go_on(begun.recipe):
                stop = recipe.training.stop.model_dump()
                return resume(begun, begun.recipe.changed({"training.stop": stop}), **settings)
        shutil.rmtree(folder, ignore_errors=True)  # half a run, of no use
        return train(data, recipe, output=self.folder, name=name, **settings)

    def _watchers(self, name: str, recipe: Recipe) -> list[Any]:
        if name != SCRATCH or self.best is None:
            return []
        from viewfinder.training.stopping import StopIfBehind

        epoch = max(1, round(_LOOKED_AT * recipe.training.epochs))
        return [StopIfBehind(epoch, 1 - _CAN_STILL_GAIN * (1 - float(self.best.mean())))]

    def _probed(self) -> Dataset:
        """The pictures of the probe: all, or so many of each class as are enough.

        What is kept for the end is among them only where the probe's head may be the last one.
        """
        table = self.data.table
        chosen = np.zeros(len(table), bool)
        for split, most in _MOST_PROBED.items():
            rows = np.flatnonzero((table["split"] == split).to_numpy())
            share = min(1.0, most / max(1, len(rows)))
            order = Randomness(self.probe.seed).order(
                "probed", epoch=-1, examples=self.data.ids[rows]
            )
            labels = table["label"].to_numpy()[rows[order]]
            for label in np.unique(labels):
                of_class = rows[order][labels == label]
                chosen[of_class[: max(1, round(share * len(of_class)))]] = True
        is_final = not self.is_held_out and chosen.sum() == (table["split"] != "test").sum()
        return self.data.where(chosen | (is_final & (table["split"] == "test").to_numpy()))

    def _finish(self) -> Run:
        """The best way is judged on what was kept for the end; a linear head sees all pictures."""
        if self.chosen == LINEAR and len(self._probed()) < len(self.data):
            self._fit_on_all()
        run = Run.open(self.folder / self.chosen)
        if self.chosen != LINEAR_ON_ALL and "test" in self.data.split_sizes():
            run.evaluate(store_budget=self.store_budget, progress=self.progress)
        run.write_trials(self._record(is_finished=True))
        run.conclude(self.progress)
        self._note(is_finished=True)
        return run

    def _fit_on_all(self) -> None:
        """Fit the linear head on what the probe has left out, too."""
        self.progress.say("The linear head is fitted once more, on all training pictures.")
        data, probe = self.data, self.probe
        if self.is_held_out:
            splits = data.table["split"].where(data.table["split"] != "validation", "train")
            data = data.with_columns({"split": splits.array})
            probe = probe.changed({"data.holdout": "test"})
        shutil.rmtree(self.folder / LINEAR_ON_ALL, ignore_errors=True)  # of a killed search
        settings: dict[str, Any] = {"progress": self.progress, "store_budget": self.store_budget}
        train(data, probe, output=self.folder, name=LINEAR_ON_ALL, **settings)
        self.chosen = LINEAR_ON_ALL

    def _note(self, *, running: str | None = None, is_finished: bool = False) -> None:
        """Write down how far it is, and what it takes to go on."""
        record = self._record(is_finished=is_finished)
        write_json(self.folder / CHOSEN, {**record, **self.facts, "running": running})

    def _record(self, *, is_finished: bool) -> dict[str, Any]:
        """What was tried, what was taken, and why; see docs/formats.md."""
        judged_by = LINEAR if self.chosen == LINEAR_ON_ALL else self.chosen
        return {
            "schema": 1,
            "chosen": self.chosen if self.trials else None,
            "finished": is_finished,
            "why": reason(self.trials, judged_by, self.left_out) if self.trials else "",
            "trials": [trial.to_json() for trial in self.trials],
        }


def with_weights(probe: Recipe, progress: Progress) -> Recipe | None:
    """The probe's recipe with a base that is here now, or None where there is none.

    ImageNet's weights are downloaded where they are not at hand; but where no width was asked
    for, a narrower network that is at hand is taken first.

    Raises:
        UsageError: The base is of KerasHub, which is not installed.
        DataError: A file or a preset was named, and there is none.
    """
    at_hand = with_weights_at_hand(probe, progress)
    if at_hand:
        return at_hand
    try:
        _base_of(probe).obtain(progress=progress)
    except DataError as error:
        progress.say(f"{error.fact} {error.received or ''}".strip(), style="yellow")
        return None
    return probe


def with_weights_at_hand(probe: Recipe, progress: Progress) -> Recipe | None:
    """The same without a download of ImageNet's weights: None where they would need one.

    Raises:
        UsageError, DataError: As :func:`with_weights`.
    """
    settings, base = probe.model, _base_of(probe)
    assert isinstance(settings, Transfer)
    if not isinstance(base, FromCatalogue) or settings.weights != "imagenet":
        base.obtain(progress=progress)
        return probe
    network = base.network
    widths = [settings.alpha] if settings.alpha else sorted(network.widths, reverse=True)
    for width in widths:
        if find_weights(published_weights(network, width, network.size)):
            return probe.changed({"model.alpha": width if network.has_alpha else None})
    return None


def _base_of(probe: Recipe) -> Base:
    assert isinstance(probe.model, Transfer)
    return probe.model.built_on
