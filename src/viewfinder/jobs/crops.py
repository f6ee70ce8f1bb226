"""The crop experiment: the same recipe on whole pictures and on their centres, on several seeds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from viewfinder.core.errors import DataError, Interrupted, UsageError
from viewfinder.core.files import write_json
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset
from viewfinder.evaluation.crop_training import CropTraining, compare_crop_training
from viewfinder.evaluation.crops import CENTRE
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.prepare import Prepared, prepare
from viewfinder.jobs.resume_run import trained_in
from viewfinder.jobs.search.trials import right_by_picture
from viewfinder.jobs.train import require_ready
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.run_folder.files import CropPlanFile, recipe_in

SEEDS = 3
_PLAN = "plan.json"


@dataclass(frozen=True, eq=False)
class CropExperiment:
    """The runs of a crop experiment, and their comparison.

    Attributes:
        folder: The folder with the runs and `crops.json`.
        zoom: The kept share of both sides.
        split: The split on which the models are compared.
        runs: For each seed, the run on whole pictures and the run on crops.
        result: The comparison.
        notes: What the reader should know.
    """

    folder: Path
    zoom: float
    split: str
    runs: tuple[tuple[Run, Run], ...]
    result: CropTraining
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        low, high = (100 * end for end in self.result.interval)
        lead = f"{100 * self.result.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
        return f"<CropExperiment {self.folder}: cropped minus whole {lead}>"

    def to_json(self) -> dict[str, Any]:
        """Return the content of `crops.json`, which `viewfinder crops --json` prints."""
        return {
            "schema": 1,
            "folder": str(self.folder),
            "zoom": self.zoom,
            "split": self.split,
            "runs": [[str(run) for run in pair] for pair in self.runs],
            **self.result.to_json(),
            "notes": list(self.notes),
        }


def crop_experiment(
    dataset: Dataset | str | PathLike[str],
    recipe: Recipe | str = "scratch",
    *,
    zoom: float = CENTRE,
    seeds: int = SEEDS,
    resume: str | PathLike[str] | None = None,
    **options: Unpack[Options],
) -> CropExperiment:
    """Train on whole pictures and on their centres, and test the difference on the same pictures.

    All models train on the same splits. The models of crops are evaluated on crops, because
    pictures would be cropped in use, too: their recipe has the zoom as `input.zoom`.

    Args:
        dataset: Labelled pictures, or their path.
        recipe: A recipe, or the name of one.
        zoom: The kept share of both sides, above 0 and below 1.
        seeds: How many seeds, from that of the recipe on; each trains two models.
        resume: The folder of an experiment that was stopped, to be given the same other arguments:
            its finished trainings are kept, and the stopped one continues.
        options: `output`, `name`, `progress` …: the fields of :class:`viewfinder.jobs.job.Job`.

    Raises:
        UsageError: The zoom or the number of seeds is out of range, or the pictures or settings
            are not those of the experiment to resume.
        DataError: The pictures cannot be trained on.
        Interrupted: Ctrl-C ended one of the trainings; the folder can be resumed.
    """
    if not 0 < zoom < 1 or seeds < 1:
        raise UsageError(
            "This is no crop experiment.",
            expected="a `zoom` above 0 and below 1, and at least 1 of `seeds`",
            received=f"zoom {zoom:g}, seeds {seeds}",
        )
    job = Job(**options)
    dataset = as_dataset(dataset)
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    name = f"{job.name_for(dataset)}-crops"
    require_ready(recipe, job)
    prepared = prepare(dataset, recipe, store_budget=job.store_budget, progress=job.progress)
    job.announce(prepared)
    data = prepared.dataset
    if not {"test", "validation"} & set(data.split_sizes()):
        raise DataError(
            "There are no pictures to compare the models on.",
            expected="a test split, or data.validation above 0",
        )
    plan = _planned(prepared, zoom, seeds)
    folder = _folder(Path(job.output), name, plan, None if resume is None else Path(resume))
    planned = recipe_in(folder / _PLAN, plan["recipe"])
    zooms = {"whole": planned.input.zoom, "cropped": zoom * planned.input.zoom}
    runs = []
    for seed in range(planned.seed, planned.seed + seeds):
        pair = []
        for way, kept in zooms.items():
            job.progress.say(f"Training on {way} pictures, seed {seed}", style="bold")
            changed = planned.changed({"input.zoom": kept, "seed": seed})
            quiet = replace(job, on_prepared=None)
            pair.append(_trained(folder / f"{way}-{seed}", data, changed, quiet, folder))
        runs.append((pair[0], pair[1]))
    split = "test" if "test" in data.split_sizes() else "validation"
    found = _compared(folder, zoom, split, runs)
    write_json(folder / "crops.json", found.to_json())
    return found


def _planned(prepared: Prepared, zoom: float, seeds: int) -> dict[str, Any]:
    """What both ways of all seeds have in common: a resumed experiment must have the same."""
    fixed: dict[str, Any] = {"data.holdout": None, "data.fold": None, "data.test": 0.0}
    if "validation" not in prepared.dataset.split_sizes():
        fixed["data.validation"] = 0.0
    table = prepared.dataset.table[["locator", "label", "split", "content"]]
    pictures = hashlib.blake2b(table.to_csv(index=False).encode(), digest_size=16).hexdigest()
    recipe = prepared.recipe.changed(fixed).model_dump(mode="json")
    return {"schema": 1, "zoom": zoom, "seeds": seeds, "pictures": pictures, "recipe": recipe}


def _folder(output: Path, name: str, plan: dict[str, Any], resume: Path | None) -> Path:
    """Return the folder with its plan: a new one, or the one to resume."""
    if resume is None:
        folder = Run.create(output, name).folder
        write_json(folder / _PLAN, plan)
        return folder
    before = CropPlanFile.read(resume / _PLAN).content
    recipe = recipe_in(resume / _PLAN, before["recipe"])  # with keys that are new since
    before["recipe"] = recipe.model_dump(mode="json")
    if differing := [key for key, value in plan.items() if before.get(key) != value]:
        raise UsageError(
            "A resumed crop experiment keeps its pictures and settings, and these differ: "
            f"{', '.join(differing)}.",
            expected=f"the data and the options with which {resume} was begun",
            remedy="start a new experiment for other settings",
        )
    return resume


def _trained(folder: Path, data: Dataset, recipe: Recipe, job: Job, experiment: Path) -> Run:
    again = f"the same command with --resume {experiment}"
    try:
        run = trained_in(folder, recipe, data, job)
    except KeyboardInterrupt:
        job.progress.say(f"Finished trainings are kept. Resume with: {again}", style="yellow")
        raise
    if run.timing["interrupted"]:
        raise Interrupted(
            f"The crop experiment was interrupted in the training {run}.",
            remedy=f"{again} keeps the finished trainings and continues this one",
        )
    return run


def _compared(
    folder: Path, zoom: float, split: str, runs: Sequence[tuple[Run, Run]]
) -> CropExperiment:
    rights = [[right_by_picture(run.predictions, split) for run in pair] for pair in runs]
    tables = [pd.DataFrame(dict(enumerate(ways))) for ways in zip(*rights, strict=True)]
    common = tables[0].dropna().index.intersection(tables[1].dropna().index).sort_values()
    if not len(common):
        raise DataError("No picture was evaluated by all models.", expected=f"{split} pictures")
    whole, cropped = (table.loc[common].to_numpy(np.bool_).T for table in tables)
    notes = []
    if split == "validation" and any(run.decisions for pair in runs for run in pair):
        notes.append(
            "The validation pictures also chose the epoch of each model, so both accuracies are "
            "optimistic."
        )
    return CropExperiment(
        folder, zoom, split, tuple(runs), compare_crop_training(whole, cropped), tuple(notes)
    )
