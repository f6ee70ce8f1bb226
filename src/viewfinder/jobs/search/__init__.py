"""Training without a recipe: what does best on the same pictures is taken, and says why.

weights  the probe's weights, where they are at hand
trials   what was tried, and which of two ways is better
ways     one way after another, in a folder that holds a usable model from the first on
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from viewfinder.classifier import CHOSEN
from viewfinder.core.errors import RunError, UsageError
from viewfinder.core.files import require_writable, written_whole
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import from_record
from viewfinder.jobs.prepare import Prepared, prepare
from viewfinder.jobs.search.ways import Search, ways_to_try, with_weights, with_weights_at_hand
from viewfinder.jobs.train import name_of, train
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run, plain_name
from viewfinder.store.sizes import suitable_input

__all__ = ["auto", "is_unfinished", "planned", "resume_auto"]

_PICTURES = "pictures.parquet"

# Smaller pictures say little to a network that was trained at 224 pixels.
_TINY = 48
# A recipe for tiny pictures goes on until it has seen so many, however few there are.
_SEEN, _MOST_EPOCHS = 100_000, 60


def auto(
    dataset: Dataset,
    probe: Recipe | None = None,
    *,
    max_time: float = math.inf,
    output: str | Path = "runs",
    name: str | None = None,
    progress: Progress | None = None,
    store_budget: int | None = None,
    on_prepared: Callable[[Prepared], None] | None = None,
) -> Run:
    """Train a classifier in the way that does best on this dataset.

    First a linear head on a frozen network from ImageNet, which takes seconds; then, where that
    leaves mistakes, fine-tuning and a network from scratch. All of them train on the same
    pictures and are judged on the same others: the dataset's validation split, or one that is
    carved from training. One takes another's place if, on the pictures where just one of the two
    is right, it is right more often than chance explains (in five of six cases). A training from
    scratch that is far behind after its first stage is given up.

    Without weights from ImageNet (neither at hand nor to be downloaded) it is `scratch` alone.

    Args:
        dataset: Labelled pictures.
        probe: The recipe of the linear head; by default `transfer`. Its base, data settings and
            seed are those of all ways.
        max_time: Seconds after which nothing else is begun and what trains is ended.
        output: The folder that holds the runs.
        name: The folder's name; by default the data's.
        progress: What is shown meanwhile.
        store_budget: As in :func:`viewfinder.train`.
        on_prepared: Called with the pictures once they are split and read.

    Returns:
        The run of the way that was taken; `run.trials` says what else was tried. Its folder's
        parent opens as this run, too: `viewfinder predict runs/NAME`.

    Raises:
        DataError: The pictures cannot be trained on, or a weights file is not there.
        OutputError: The run cannot be written.
    """
    progress = progress or Progress()
    name = plain_name(name or name_of(dataset))
    require_writable(Path(output))
    until = time.monotonic() + max_time
    asked = probe or recipe_named("transfer")
    probe = with_weights(asked, progress)
    scratch = _from_scratch(dataset, asked)
    if probe is None:
        progress.say("Without weights from ImageNet, a network is trained from scratch.")
        changes = {"training.stop.max_time": max_time} if math.isfinite(max_time) else {}
        settings: dict[str, Any] = {"progress": progress, "store_budget": store_budget}
        return train(
            dataset,
            scratch.changed(changes),
            output=output,
            name=name,
            on_prepared=on_prepared,
            **settings,
        )
    prepared = prepare(dataset, scratch, store_budget=store_budget, progress=progress)
    if on_prepared:
        on_prepared(prepared)
    folder = Run.create(Path(output), name).folder
    everything = prepared.everything
    with written_whole(folder / _PICTURES) as temporary:
        everything.table.to_parquet(temporary, index=False)
    facts = {
        "source": everything.source.record(),
        "classes": list(everything.classes),
        "notes": list(everything.notes),
        "probe": probe.model_dump(mode="json"),
        "scratch": prepared.recipe.model_dump(mode="json"),
    }
    return _search(folder, facts, until, progress, store_budget).run()


def planned(
    dataset: Dataset,
    probe: Recipe | None = None,
    *,
    progress: Progress | None = None,
    store_budget: int | None = None,
) -> tuple[Prepared, list[tuple[str, Recipe]]]:
    """What :func:`auto` would try on this dataset; nothing is trained, and no weights downloaded.

    Returns:
        The pictures, split and read, and the name and the recipe of each way, in their order.

    Raises:
        DataError: As of :func:`auto`.
    """
    progress = progress or Progress()
    asked = probe or recipe_named("transfer")
    at_hand = with_weights_at_hand(asked, progress)
    if at_hand is None:
        progress.say(
            "The weights of the network to build on are not here: a training downloads them; where "
            "that fails, it tries scratch alone."
        )
    scratch = _from_scratch(dataset, asked)
    prepared = prepare(dataset, scratch, store_budget=store_budget, progress=progress)
    return prepared, ways_to_try(at_hand or asked, prepared.recipe)


def is_unfinished(folder: Path) -> bool:
    """Whether a search was stopped in this folder and can go on."""
    return (folder / CHOSEN).is_file() and not _read(folder).get("finished")


def resume_auto(
    folder: Path,
    *,
    max_time: float = math.inf,
    progress: Progress | None = None,
    store_budget: int | None = None,
) -> Run:
    """Go on with a search that was stopped: what is done stays, what was begun goes on.

    Raises:
        UsageError: It has ended.
        RunError: The folder holds none.
    """
    facts = _read(folder)
    if facts["finished"]:
        raise UsageError(
            f"{folder} has ended: nothing is left to resume.", remedy="train a new run"
        )
    spent = {trial["name"]: trial["seconds"] for trial in facts["trials"]}
    kept = {key: facts[key] for key in ("source", "classes", "notes", "probe", "scratch")}
    search = _search(
        folder, kept, time.monotonic() + max_time, progress or Progress(), store_budget
    )
    search.spent = spent
    return search.run()


def _search(
    folder: Path,
    facts: dict[str, Any],
    until: float,
    progress: Progress,
    store_budget: int | None,
) -> Search:
    table = pd.read_parquet(folder / _PICTURES)
    # What was rejected has no split; it is rejected again wherever it is.
    table["split"] = table["split"].where(table["status"] == "ok", "train")
    data = Dataset(
        from_record(facts["source"]), table, tuple(facts["classes"]), notes=tuple(facts["notes"])
    )
    probe, scratch = (Recipe.model_validate(facts[key]) for key in ("probe", "scratch"))
    held = scratch.data.holdout
    # From here on the splits are made: no way makes its own.
    split = {"data.holdout": None, "data.fold": None, "data.test": 0.0}
    return Search(
        folder,
        data,
        probe.changed(split),
        scratch.changed(split),
        held is not None,
        until,
        progress,
        store_budget,
        facts,
    )


def _from_scratch(dataset: Dataset, probe: Recipe) -> Recipe:
    """The recipe without a base that suits the pictures."""
    (height, width), color = suitable_input(dataset)
    is_tiny = min(height, width) < _TINY
    recipe = recipe_named("tiny" if is_tiny else "scratch")
    settings = {"data": probe.data.model_dump(), "seed": probe.seed}
    if is_tiny:
        training = dataset.split_sizes().get("train", len(dataset))
        epochs = min(_MOST_EPOCHS, math.ceil(_SEEN / training))
        settings["training.epochs"] = max(recipe.training.epochs, epochs)
    return recipe.changed(settings).settled((height, width), color)


def _read(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / CHOSEN).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / CHOSEN} is missing or damaged.", received=str(error)) from error
