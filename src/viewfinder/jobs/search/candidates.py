"""The search: a linear probe first, then candidates that may do better on the same pictures.

All candidates train on the same pictures and are evaluated on the same others. The first is trained
within a minute; from then on the folder holds a usable model, whatever happens to the others.
"""

import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.bases.at_hand import find_weights
from viewfinder.bases.base import Base
from viewfinder.bases.catalogue import published_weights
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.classifier.files import CHOSEN
from viewfinder.core.errors import DataError, OutOfMemory
from viewfinder.core.files import write_json
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.jobs.job import Job
from viewfinder.jobs.resume_run import resume_run
from viewfinder.jobs.search.trials import Trial, could_be_beaten, judged, reason, right_by_picture
from viewfinder.jobs.train import train_run
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.recipe.transfer import Transfer
from viewfinder.run import Run

LINEAR, TUNED, SCRATCH = "linear", "fine-tuned", "scratch"
_ON_ALL = "-on-all"

# More pictures than these make the probe slow, and hardly better.
_MOST_PROBED = {"train": 8_000, "validation": 2_000}
# A training from scratch is checked after this share of its epochs; the remaining epochs may divide
# its mistakes by this factor.
_CHECKED_AT, _CAN_STILL_GAIN = 0.4, 3


def candidates_for(probe: Recipe, scratch: Recipe) -> list[tuple[str, Recipe]]:
    """The names and recipes of the candidates: the probe, then the more promising first.

    Args:
        probe: The recipe of the linear head.
        scratch: The recipe without a base.
    """
    chosen = [(LINEAR, probe)]
    if scratch.name != "tiny":
        shared = probe.model_dump(include={"model", "input", "data", "seed"})
        chosen.append((TUNED, recipe_named("transfer/fine-tuned").changed(shared)))
    return [*chosen, (SCRATCH, scratch)]


@dataclass
class Search:
    """The candidates, and the trials so far.

    Attributes:
        folder: Holds a run for each candidate, and `auto.json`.
        data: All pictures, each in its split, the same for all candidates.
        probe: The recipe of the linear head, its weights on this machine.
        scratch: The recipe without a base.
        is_held_out: Whether a split is held out for the end.
        until: When to stop, on the clock of `time.monotonic`.
        job: Progress, the store's budget and the splits to evaluate.
        facts: What `auto.json` keeps so that a stopped search can be resumed.
        spent: The seconds of trials from before the search was stopped, by name.
        trials: The trials so far.
        chosen: The best candidate so far.
        best: Whether the best candidate answers each picture rightly, by locator.
        left_out: Candidates for which the memory is too small.
    """

    folder: Path
    data: Dataset
    probe: Recipe
    scratch: Recipe
    is_held_out: bool
    until: float
    job: Job
    facts: dict[str, Any]
    spent: dict[str, float] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    chosen: str = LINEAR
    best: pd.Series | None = None
    left_out: list[str] = field(default_factory=list)

    def run(self) -> Run:
        """Train one candidate after another; return the run of the best."""
        self._note(running=LINEAR)
        self._try(LINEAR, self.probe, self._probed())
        for name, recipe in list(self._candidates.items())[1:]:
            best = next(trial for trial in self.trials if trial.name == self.chosen)
            if not could_be_beaten(best.count - best.right):
                break
            if self.until - time.monotonic() < max(1.0, 2 * self._spare):
                self.job.progress.say("The time is over: no further candidate is trained.")
                break
            if len(self.trials) == 1:  # otherwise it is written once, at the end
                Run.open(self.folder / LINEAR).conclude(self.job.progress)
            self._note(running=name)
            self.job.progress.say(
                f"Next candidate: {name}. Ctrl-C keeps {self.chosen}, which {self.folder} opens as."
            )
            if not self._try(name, recipe, self.data):
                self.job.progress.say(f"{self.chosen} is kept.", style="yellow")
                return Run.open(self.folder)
        return self._finish()

    def _try(self, name: str, recipe: Recipe, data: Dataset) -> bool:
        """Train and evaluate a candidate unless memory is too small; False if interrupted."""
        began = time.perf_counter()
        try:
            run = self._trained(name, recipe, data)
        except OutOfMemory as error:
            if not self.trials:
                raise
            self.job.progress.say(f"{name} is left out. {error}", style="yellow")
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
        self.job.progress.say(trial.in_words(self.chosen if self.trials else None), style="bold")
        self.trials.append(trial)
        if trial.is_better:
            self.chosen, self.best = name, right
        self._note()
        return True

    def _trained(self, name: str, recipe: Recipe, data: Dataset) -> Run:
        """The run of a candidate: as it is, resumed where it was stopped, or trained."""
        watchers = self._watchers(name, recipe)
        job = replace(self.job, name=name, callbacks=watchers, concludes=name != LINEAR)
        folder = self.folder / name
        if not (folder / "recipe.yaml").exists():
            shutil.rmtree(folder, ignore_errors=True)  # half a run that cannot be resumed
            return train_run(data, recipe, job)
        begun = Run.open(folder)
        if begun.timing["ended"] != "interrupted":
            return begun
        return resume_run(begun, begun.recipe, None, job)

    def _watchers(self, name: str, recipe: Recipe) -> list[Any]:
        """What ends the training of a candidate early: the search's time, or another's lead."""
        if self.best is None:
            return []
        from viewfinder.training.stopping import StopBefore, StopIfBehind

        found: list[Any] = []
        if name == SCRATCH:
            epoch = max(1, round(_CHECKED_AT * recipe.steps.epochs))
            required = 1 - _CAN_STILL_GAIN * (1 - float(self.best.mean()))
            found.append(StopIfBehind(epoch, required))
        if np.isfinite(self.until):
            sizes = self.data.split_sizes()
            batches = (len(self.data) + sizes["validation"]) / recipe.steps.batch_size
            found.append(StopBefore(self.until, batches=batches, spare=self._spare))
        return found

    @property
    def _spare(self) -> float:
        """The seconds that a candidate took beside its features: for its diagnosis and report."""
        first = self.trials[0]
        timing = Run.open(self.folder / first.name).timing
        read = float(timing.get("features_s", 0.0)) + float(timing.get("base_s", 0.0))
        return max(0.0, first.seconds - read)

    @property
    def _candidates(self) -> dict[str, Recipe]:
        return dict(candidates_for(self.probe, self.scratch))

    def _has_time_again(self) -> bool:
        """Whether the best candidate can be trained again, on more pictures, in the time left."""
        trial = next(trial for trial in self.trials if trial.name == self.chosen)
        sizes = self.data.split_sizes()
        growth = (sizes["train"] + sizes["validation"]) / sizes["train"]
        return time.monotonic() + growth * trial.seconds < self.until

    def _in_time(self) -> Dataset:
        """All pictures; or without those whose features cannot be computed before the time ends."""
        known, timing = self._probed(), Run.open(self.folder / LINEAR).timing
        left_out = ~self.data.table["locator"].isin(known.table["locator"])
        left_out &= self.data.table["split"] != "test"
        needed = left_out.sum() / len(known) * timing.get("features_s", 0.0) + self._spare
        if not left_out.any() or time.monotonic() + needed < self.until:
            return self.data
        self.job.progress.say(f"The time is over: {left_out.sum():,} pictures are left out.")
        return self.data.where(~left_out)

    def _probed(self) -> Dataset:
        """The pictures of the probe: all, or of each class as many as are enough.

        Held-out pictures are among them only where the probe's head may be the final one.
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
        """Evaluate the best candidate on what was held out, after a last fit on all pictures."""
        if self.chosen == LINEAR and len(self._probed()) < len(self.data):
            self._fit_on_all(self.probe, self._in_time())
        elif self.chosen != LINEAR and self.is_held_out and self._has_time_again():
            self._fit_on_all(self._candidates[self.chosen], self.data)
        run = Run.open(self.folder / self.chosen)
        if not self.chosen.endswith(_ON_ALL) and "test" in self.data.split_sizes():
            run.evaluate(store_budget=self.job.store_budget, progress=self.job.progress)
        run.write("trials.json", self._record(is_finished=True))
        run.conclude(self.job.progress)
        self._note(is_finished=True)
        return run

    def _fit_on_all(self, recipe: Recipe, data: Dataset) -> None:
        """Fit the best candidate again, on the pictures that it left out or was compared on, too.

        Where no split is held out, the validation pictures stay apart, to evaluate it.
        """
        self.job.progress.say(f"{self.chosen} is fitted again, on all training pictures.")
        if self.is_held_out:
            splits = data.table["split"].where(data.table["split"] != "validation", "train")
            data = data.with_columns({"split": splits.array})
            recipe = recipe.changed({"data.holdout": "test", "data.validation": 0.0})
        name = f"{self.chosen}{_ON_ALL}"
        shutil.rmtree(self.folder / name, ignore_errors=True)  # of a killed search
        train_run(data, recipe, replace(self.job, name=name, splits=SPLITS, concludes=False))
        self.chosen = name

    def _note(self, *, running: str | None = None, is_finished: bool = False) -> None:
        """Write `auto.json`: the trials so far, and what resuming takes."""
        record = self._record(is_finished=is_finished)
        write_json(self.folder / CHOSEN, {**record, **self.facts, "running": running})

    def _record(self, *, is_finished: bool) -> dict[str, Any]:
        """The trials, the chosen candidate, and why; see docs/formats.md."""
        judged_by = self.chosen.removesuffix(_ON_ALL)
        return {
            "schema": 1,
            "chosen": self.chosen if self.trials else None,
            "finished": is_finished,
            "why": reason(self.trials, judged_by, self.left_out) if self.trials else "",
            "trials": [trial.model_dump() for trial in self.trials],
        }


def with_weights(probe: Recipe, progress: Progress) -> Recipe | None:
    """The probe's recipe with weights that are on this machine, or None where there are none.

    Missing ImageNet weights are downloaded; but where no width was requested, a narrower network
    whose weights are on this machine is preferred.

    Raises:
        UsageError: The base comes from KerasHub, which is not installed.
        DataError: The named file or preset does not exist.
    """
    local = with_local_weights(probe, progress)
    if local:
        return local
    try:
        _base_of(probe).obtain(progress=progress)
    except DataError as error:
        progress.say(f"{error.fact} {error.received or ''}".strip(), style="yellow")
        return None
    return probe


def with_local_weights(probe: Recipe, progress: Progress) -> Recipe | None:
    """What :func:`with_weights` returns, without a download: None where it would take one.

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
