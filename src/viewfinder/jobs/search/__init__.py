"""Training without a recipe: the candidate that does best on the same pictures is kept.

trials       what was tried, and which of two candidates is better
candidates   one candidate after another, in a folder that holds a usable model from the first on
"""

import math
import time
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from viewfinder.classifier.files import CHOSEN
from viewfinder.core.errors import UsageError
from viewfinder.core.files import require_writable, written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.source import Source
from viewfinder.data.sources import as_dataset, from_record
from viewfinder.data.store.sizes import suitable_input
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.prepare import Prepared, prepare
from viewfinder.jobs.search.candidates import (
    Search,
    candidates_for,
    with_local_weights,
    with_weights,
)
from viewfinder.jobs.train import train_run
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run
from viewfinder.run_folder.files import DATA, SearchFile, read_table, recipe_in

__all__ = ["auto", "is_search", "planned", "resume_search"]

_PICTURES = "pictures.parquet"

# Below this size in pixels, pictures say little to a network that was trained at 224 pixels.
_TINY = 48
# A recipe for tiny pictures trains until it has processed so many, within so many epochs.
_PROCESSED, _MOST_EPOCHS = 100_000, 60


def auto(
    dataset: Dataset | str | PathLike[str],
    probe: Recipe | None = None,
    *,
    max_time: float | None = None,
    **options: Unpack[Options],
) -> Run:
    """Train the candidates that suit the dataset, and keep the best.

    The first candidate is a linear head on a frozen network from ImageNet, which takes seconds;
    where it leaves mistakes, fine-tuning and a network from scratch follow. All candidates train on
    the same pictures and are evaluated on the same others: the dataset's validation split, or one
    that is set aside from training. A candidate replaces the best one if, on the pictures where
    just one of the two is right, it is right more often than chance explains (in five of six
    cases). A training from scratch that is far behind after its first stage is stopped.

    Without weights from ImageNet (neither on the disk nor to be downloaded), `scratch` is the only
    candidate.

    Args:
        dataset: Labelled pictures, or their path.
        probe: The recipe of the linear head; by default `transfer`. All candidates take its base,
            data settings and seed.
        max_time: Seconds after which no candidate is begun and the running one is stopped.
        options: `output`, `name`, `progress` …: the fields of :class:`viewfinder.jobs.job.Job`.

    Returns:
        The run of the candidate that was kept; `run.trials` names the others. The parent of its
        folder opens as this run, too: `viewfinder predict runs/NAME`.

    Raises:
        DataError: The pictures cannot be trained on, or a weights file is missing.
        OutputError: The run cannot be written.
    """
    job = Job(**options)
    dataset = as_dataset(dataset)
    progress, name = job.progress, job.name_for(dataset)
    require_writable(Path(job.output), "output")
    until = time.monotonic() + (math.inf if max_time is None else max_time)
    requested = probe or recipe_named("transfer")
    probe = with_weights(requested, progress)
    scratch = _from_scratch(dataset, requested)
    if probe is None:
        progress.say("Without weights from ImageNet, a network is trained from scratch.")
        limit = {} if max_time is None else {"training.stop.max_time": max_time}
        return train_run(dataset, scratch.changed(limit), job)
    prepared = prepare(dataset, scratch, store_budget=job.store_budget, progress=progress)
    job.announce(prepared)
    folder = Run.create(Path(job.output), name).folder
    everything = prepared.everything
    with written_whole(folder / _PICTURES) as temporary:
        everything.table.to_parquet(temporary, index=False)
    facts = {
        "source": everything.source.record(),
        "classes": list(everything.classes),
        "notes": list(everything.notes),
        "given": list(prepared.given or ()),
        "probe": probe.model_dump(mode="json"),
        "scratch": prepared.recipe.model_dump(mode="json"),
    }
    return _search(folder, facts, until, job, everything.source).run()


def planned(
    dataset: Dataset,
    probe: Recipe | None = None,
    *,
    progress: Progress | None = None,
    store_budget: int | None = None,
) -> tuple[Prepared, list[tuple[str, Recipe]]]:
    """The candidates of :func:`auto` on this dataset; trains nothing, downloads no weights.

    Returns:
        The pictures, split and read, and each candidate's name and recipe, in their order.

    Raises:
        DataError: As of :func:`auto`.
    """
    progress = progress or Progress()
    requested = probe or recipe_named("transfer")
    local = with_local_weights(requested, progress)
    if local is None:
        progress.say(
            "The weights of the base are not on this machine: a training downloads them; where "
            "that fails, scratch is its only candidate."
        )
    scratch = _from_scratch(dataset, requested)
    prepared = prepare(dataset, scratch, store_budget=store_budget, progress=progress)
    return prepared, candidates_for(local or requested, prepared.recipe)


def is_search(folder: Path) -> bool:
    """Whether a search has written this folder."""
    return (folder / CHOSEN).is_file()


def resume_search(folder: Path, job: Job, *, max_time: float | None = None) -> Run:
    """Continue a search that was stopped; finished candidates are kept, a stopped one resumes.

    Raises:
        UsageError: The search has ended.
        RunError: The folder holds no search.
    """
    facts = SearchFile.read(folder / CHOSEN).content
    if facts["finished"]:
        raise UsageError(
            f"The search in {folder} has ended: nothing is left to resume.",
            remedy="train a new run",
        )
    kept = {key: facts[key] for key in ("source", "classes", "notes", "probe", "scratch")}
    kept["given"] = facts.get("given")
    until = time.monotonic() + (math.inf if max_time is None else max_time)
    search = _search(folder, kept, until, job)
    search.spent = {trial["name"]: trial["seconds"] for trial in facts["trials"]}
    return search.run()


def _search(
    folder: Path, facts: dict[str, Any], until: float, job: Job, source: Source | None = None
) -> Search:
    """The search of these facts; `source` is opened by its record unless it is open already."""
    table = read_table(folder / _PICTURES, DATA)
    # Rejected pictures have no split; they are rejected again in any.
    table["split"] = table["split"].where(table["status"] == "ok", "train")
    source = source or from_record(facts["source"])
    data = Dataset(source, table, tuple(facts["classes"]), notes=tuple(facts["notes"]))
    probe, scratch = (recipe_in(folder / CHOSEN, facts[key]) for key in ("probe", "scratch"))
    given = None if facts["given"] is None else tuple(facts["given"])
    # The splits exist: no candidate makes its own.
    fixed = {"data.holdout": None, "data.fold": None, "data.test": 0.0}
    return Search(
        folder,
        data,
        probe.changed(fixed),
        scratch.changed(fixed),
        _is_held_out(scratch, given),
        until,
        replace(job, output=folder, on_prepared=None, splits=SPLITS[:2], given=given),
        facts,
    )


def _is_held_out(recipe: Recipe, given: tuple[str, ...] | None) -> bool:
    """Whether a split is evaluated at the end, so that the validation pictures may train, too."""
    is_made = given is not None and "validation" not in given
    return recipe.data.holdout is not None or (recipe.data.test > 0 and is_made)


def _from_scratch(dataset: Dataset, probe: Recipe) -> Recipe:
    """The recipe without a base that suits the pictures."""
    (height, width), color = suitable_input(dataset)
    is_tiny = min(height, width) < _TINY
    recipe = recipe_named("tiny" if is_tiny else "scratch")
    settings = {"data": probe.data.model_dump(), "seed": probe.seed}
    if is_tiny:
        training = dataset.split_sizes().get("train", len(dataset))
        epochs = min(_MOST_EPOCHS, math.ceil(_PROCESSED / training))
        settings["training.epochs"] = max(recipe.steps.epochs, epochs)
    return recipe.changed(settings).resolved((height, width), color)
