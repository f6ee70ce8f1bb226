"""The crop experiment: the same recipe on whole pictures and on their centres, on several seeds."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO, StringIO
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from viewfinder.core.errors import DataError, Interrupted, RejectedPicture, UsageError
from viewfinder.core.files import write_json, write_text
from viewfinder.core.parallel import cores, map_ahead
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import as_dataset, open_dataset
from viewfinder.data.splits.groups import GROUP
from viewfinder.evaluation.crop_training import CropTraining, compare_crop_training
from viewfinder.evaluation.crops import CENTRE, crop
from viewfinder.jobs.job import Job, Options
from viewfinder.jobs.prepare import prepare
from viewfinder.jobs.train import require_ready, train_run
from viewfinder.pictures.prepare import before_resizing
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named
from viewfinder.run import Run

SEEDS = 3
_WAYS = ("whole", "cropped")
_TABLE = "cropped.csv"


@dataclass(frozen=True, eq=False)
class CropExperiment:
    """The runs of a crop experiment, and their comparison.

    Attributes:
        folder: The folder with the runs, the cropped pictures and `crops.json`.
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
    **options: Unpack[Options],
) -> CropExperiment:
    """Train on whole pictures and on their centres, and test the difference on the same pictures.

    All models train on the same splits. The models of crops are evaluated on crops, because
    pictures would be cropped in use, too. The cropped pictures are written as PNG files.

    Args:
        dataset: Labelled pictures, or their path.
        recipe: A recipe, or the name of one.
        zoom: The kept share of both sides, above 0 and below 1.
        seeds: How many seeds, from that of the recipe on; each trains two models.
        options: `output`, `name`, `progress` …: the fields of :class:`viewfinder.jobs.job.Job`.

    Raises:
        UsageError: The zoom or the number of seeds is out of range.
        DataError: The pictures cannot be trained on.
        Interrupted: Ctrl-C ended one of the trainings; the runs that have ended are kept.
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
    whole = prepared.dataset
    if not {"test", "validation"} & set(whole.split_sizes()):
        raise DataError(
            "There are no pictures to compare the models on.",
            expected="a test split, or data.validation above 0",
        )
    folder = Run.create(Path(job.output), name).folder
    cropped, locators = _cropped(whole, prepared.recipe, zoom, folder, job.progress)
    fixed: dict[str, Any] = {"data.holdout": None, "data.fold": None, "data.test": 0.0}
    if "validation" not in whole.split_sizes():
        fixed["data.validation"] = 0.0
    runs = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        pair = []
        for way, data in zip(_WAYS, (whole, cropped), strict=True):
            job.progress.say(f"Training on {way} pictures, seed {seed}")
            changed = prepared.recipe.changed({**fixed, "seed": seed})
            named = replace(job, output=folder, name=f"{way}-{seed}", on_prepared=None)
            pair.append(_trained(data, changed, named))
        runs.append((pair[0], pair[1]))
    split = "test" if "test" in whole.split_sizes() else "validation"
    found = _compared(folder, zoom, split, runs, locators)
    write_json(folder / "crops.json", found.to_json())
    return found


def _trained(data: Dataset, recipe: Recipe, job: Job) -> Run:
    run = train_run(data, recipe, job)
    if run.timing["interrupted"]:
        raise Interrupted(
            f"The crop experiment was interrupted in the training {run}.",
            remedy="start it again; the runs that have ended are kept",
        )
    return run


def _cropped(
    dataset: Dataset, recipe: Recipe, zoom: float, folder: Path, progress: Progress
) -> tuple[Dataset, dict[str, str]]:
    """Write the centres of pictures with a table of them; return their dataset.

    Returns:
        The dataset, and the locator of each whole picture by that of its centre.
    """
    form = recipe.training_preprocessing.model_copy(update={"isolate": False})
    table = dataset.table
    names = [f"cropped/{row:06}.png" for row in range(len(table))]
    (folder / "cropped").mkdir()

    def one(at: tuple[str, str]) -> str | None:
        locator, name = at
        try:
            pixels = _centre(dataset.source.read(locator), form, zoom)
        except RejectedPicture:  # has become unreadable
            return None
        encoded = BytesIO()
        Image.fromarray(pixels.squeeze()).save(encoded, "png", compress_level=1)
        (folder / name).write_bytes(encoded.getvalue())
        return name

    pairs = list(zip(table["locator"], names, strict=True))
    written = list(
        progress.track(map_ahead(one, pairs, workers=cores()), "Cropping pictures", len(pairs))
    )
    columns = ["label", "split", *([GROUP] if GROUP in table else [])]
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["path", *columns])
    rows = table[columns].fillna("").itertuples(index=False, name=None)
    writer.writerows([name, *row] for name, row in zip(written, rows, strict=True) if name)
    write_text(folder / _TABLE, text.getvalue())
    opened = open_dataset(folder / _TABLE, label_column="label")
    known = {name: locator for (locator, _), name in zip(pairs, written, strict=True) if name}
    return opened, known


def _centre(source: bytes | NDArray[np.uint8], form: Preprocessing, zoom: float) -> NDArray[Any]:
    enough = round(form.height / zoom) + 1, round(form.width / zoom) + 1
    return crop(before_resizing(source, form, at_least=enough).pixels, zoom)


def _compared(
    folder: Path,
    zoom: float,
    split: str,
    runs: Sequence[tuple[Run, Run]],
    locators: dict[str, str],
) -> CropExperiment:
    tables = [pd.DataFrame(dict(enumerate(_rights(runs, at, split)))) for at in range(2)]
    tables[1] = tables[1].rename(index=locators)
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


def _rights(runs: Sequence[tuple[Run, Run]], at: int, split: str) -> "Iterator[pd.Series[bool]]":
    """Yield for each seed whether its model is right, by locator."""
    for pair in runs:
        rows = pair[at].predictions
        rows = rows[rows["split"] == split].set_index("locator")
        yield rows["label"] == rows["predicted"]
