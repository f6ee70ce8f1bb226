"""A run's files as the doctor's case, and a look at the units of its model."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from viewfinder.core.errors import ViewfinderError
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.evaluation.doctor import Case, Setup
from viewfinder.recipe.stopping import GOES_ON
from viewfinder.store import open_store

if TYPE_CHECKING:
    from viewfinder.evaluation.doctor.case import LayerHealth
    from viewfinder.run.run import Run

_MOST_PICTURES = 256
DOCTOR = "doctor.json"


def case_of(run: "Run") -> Case:
    """What the doctor asks of a run, from its files alone: no model and no picture is opened."""
    metrics = run.metrics if (run.folder / "metrics.json").exists() else {}
    timing = run.timing
    return Case(
        history=run.history,
        scores={
            split: metrics[split] for split in ("train", "validation", "test") if split in metrics
        },
        setup=Setup.of(run.recipe.model_dump()),
        class_counts=_train_counts(run),
        best_epoch=metrics.get("best_epoch"),
        steered_by=run.steered_by,
        interrupted=timing.get("ended", "interrupted") in GOES_ON,
        diverged=timing["why"] if timing.get("ended") == "diverged" else "",
        copies=_copies(run),
        units=known_units(run),
    )


def known_units(run: "Run") -> "list[LayerHealth] | None":
    """What was seen of the units of this very model; None where nobody has looked."""
    try:
        known: dict[str, Any] = json.loads((run.folder / DOCTOR).read_text(encoding="utf-8"))
        is_of_this_model = known["model_written"] == model_written(run)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known["units"] if is_of_this_model else None


def look_at_units(run: "Run", progress: Progress) -> "list[LayerHealth] | None":
    """Pass some pictures through the best model; None, and a word of why, where that fails."""
    from viewfinder.run.health import unit_health  # imports Keras

    try:
        dataset = run.dataset
        sizes = dataset.split_sizes()
        part = dataset.only("validation" if "validation" in sizes else next(iter(sizes)))
        chosen = Randomness(0).order("checkup", epoch=-1, examples=part.ids)[:_MOST_PICTURES]
        few = part.where(np.isin(np.arange(len(part)), chosen))
        store = open_store(few, run.classifier.preprocessing, budget=0, progress=Progress(0))
        pixels, _ = store.pictures(few).read(np.arange(len(few)))
        return unit_health(run.model, pixels) if len(pixels) else None
    except ViewfinderError as error:
        progress.say(f"The units were not looked at: {error.fact}", style="yellow")
        return None


def model_written(run: "Run") -> str:
    """When the best model was written: another model has another time or size."""
    found = (run.folder / "best.keras").stat()
    return f"{found.st_mtime_ns} {found.st_size}"


def _train_counts(run: "Run") -> dict[str, int]:
    data = run.data
    labels = data.loc[(data["split"] == "train") & (data["status"] == "ok"), "label"]
    return {str(name): int(count) for name, count in labels.value_counts().items()}


def _copies(run: "Run") -> int:
    """Validation and test pictures whose files are, byte for byte, those of training pictures."""
    data = run.data[run.data["status"] == "ok"]
    is_train = data["split"] == "train"
    return int(data.loc[~is_train, "content"].isin(set(data.loc[is_train, "content"])).sum())
