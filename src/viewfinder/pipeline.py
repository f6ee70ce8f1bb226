"""The main job from top to bottom: a dataset and a recipe become a run."""

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from viewfinder.augment import policy
from viewfinder.bases.at_hand import weights_file
from viewfinder.bases.catalogue import base_named
from viewfinder.bases.settings import Transfer
from viewfinder.batches import Batches, Pictures
from viewfinder.classifier import Classifier
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.sizes import suitable_input
from viewfinder.data.store import open_store
from viewfinder.errors import DataError
from viewfinder.files import require_writable
from viewfinder.frozen import Material, learn, write
from viewfinder.parallel import cores
from viewfinder.preprocessing import Preprocessing
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.recipes import recipe_named
from viewfinder.run import Run, plain_name
from viewfinder.runtime.backend import choose_backend, versions

if TYPE_CHECKING:
    import keras

    from viewfinder.training import Fitted


@dataclass(frozen=True)
class Prepared:
    """Pictures that are ready for training.

    Attributes:
        recipe: The recipe with all that the pictures decide.
        dataset: The readable pictures, every one in a split.
        rejected: The pictures that cannot be used, each with its reason.
        pictures: The prepared pixels of each split's pictures.
        store_budget: The most bytes of pixels to keep on disk, as it was asked for.
    """

    recipe: Recipe
    dataset: Dataset
    rejected: Dataset
    pictures: dict[str, Pictures]
    store_budget: int | None = None

    @property
    def everything(self) -> Dataset:
        """Readable and rejected pictures, by locator."""
        table = pd.concat([self.dataset.table, self.rejected.table])
        return replace(self.dataset, table=table.sort_values("locator", ignore_index=True))


def train(
    dataset: Dataset,
    recipe: Recipe | str = "default",
    *,
    output: str | Path = "runs",
    name: str | None = None,
    progress: Progress | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    store_budget: int | None = None,
    on_prepared: Callable[[Prepared], None] | None = None,
) -> Run:
    """Train a classifier on a dataset, judge it, and write the report.

    Args:
        dataset: Labelled pictures; without a validation split, one is made.
        recipe: A recipe, or the name of one.
        output: The folder that holds the runs.
        name: The run's name; by default the data folder's. A number is added if it is taken.
        progress: What is shown meanwhile; by default bars on a terminal, lines elsewhere.
        callbacks: Further Keras callbacks.
        store_budget: The most bytes of decoded pixels to keep on disk, for each form in which
            pictures are kept; see :func:`viewfinder.data.store.open_store`.
        on_prepared: Called with the pictures once they are ready, before training starts.

    Returns:
        The run. If Ctrl-C has ended the training, `run.timing["interrupted"]` is true.

    Raises:
        DataError: The pictures cannot be trained on.
        OutputError: The run cannot be written; said before any picture is read.
    """
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    progress = progress or Progress()
    name = plain_name(name or _name_of(dataset))
    require_writable(Path(output))
    # A missing backend is said now, not after the pictures have been read.
    progress.detail(f"Backend: {choose_backend()}")
    _require_weights(recipe, progress)
    prepared = prepare(dataset, recipe, store_budget=store_budget, progress=progress)
    if on_prepared:
        on_prepared(prepared)
    settings = prepared.recipe.on_features
    if settings:
        return _over_features(prepared, settings, Path(output) / name, progress, callbacks)
    model = _compiled(prepared, progress)
    run = Run.create(Path(output), name)
    _fill(run, model, prepared, progress, callbacks)
    return run


def prepare(
    dataset: Dataset,
    recipe: Recipe,
    *,
    store_budget: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Split the dataset, read its pictures, and leave out those that cannot be read.

    Raises:
        DataError: What is left cannot be trained on.
    """
    if recipe.data.holdout:
        dataset.require_split(recipe.data.holdout)
    recipe = recipe.settled_by_base()
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.settled(*suitable_input(dataset))
    readable, rejected = dataset, dataset.where(np.zeros(len(dataset), bool))
    while True:
        # Splitting comes first, because training pictures may be stored larger than the others;
        # where pictures turn out to be unreadable, the readable ones are split again.
        split = _split(readable, recipe)
        seen, pictures = _read(split, recipe, store_budget, progress or Progress(0))
        good = (seen.table["status"] == "ok").to_numpy()
        rejected = replace(rejected, table=pd.concat([rejected.table, seen.table[~good]]))
        if good.all():
            break
        if not good.any():
            raise DataError(
                f"None of the {len(dataset)} files in {dataset.source} is a readable picture.",
                expected="JPEG, PNG, GIF, BMP, WebP or TIFF files",
                received=_reasons(rejected.table),
            )
        readable = readable.where(readable.table["locator"].isin(seen.table["locator"][good]))
    _require_every_class(seen, rejected)
    return Prepared(recipe, seen, rejected, pictures, store_budget)


def _require_weights(recipe: Recipe, progress: Progress) -> None:
    """Missing weights are said, or downloaded, now and not after the pictures have been read."""
    settings = recipe.model
    if isinstance(settings, Transfer):
        base = base_named(settings.base)
        side = min(recipe.settled_by_base().input.size or (base.size,))
        weights_file(base, settings.alpha, settings.weights, side, progress)


def _over_features(
    prepared: Prepared,
    settings: Transfer,
    wanted: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
) -> Run:
    """A run whose head is fitted on stored features; its folder is made once that is done."""
    material = Material(
        prepared.recipe, settings, prepared.dataset, prepared.pictures, prepared.store_budget
    )
    learned = learn(material, progress, callbacks)
    run = Run.create(wanted.parent, wanted.name)
    data = _without_dropped(prepared, progress)
    write(run, learned, material, data, _environment(prepared), progress)
    return run


def _compiled(prepared: Prepared, progress: Progress) -> "keras.Model":
    """The recipe's model, ready to be fitted."""
    from viewfinder.models import build_model
    from viewfinder.training import compile_model
    from viewfinder.training.fine_tune import blocks_to_train

    recipe = prepared.recipe
    model = build_model(recipe, len(prepared.dataset.classes), progress=progress)
    steps_an_epoch = len(_batches(prepared, "train"))
    compile_model(model, recipe, steps=steps_an_epoch * recipe.training.epochs)
    if recipe.training.fine_tune:
        blocks_to_train(model, recipe.training.fine_tune)  # a wrong name is said before training
    return model


def _fill(
    run: Run,
    model: "keras.Model",
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
) -> None:
    """Fit, evaluate, report: everything after pictures and model are ready."""
    recipe = prepared.recipe
    classifier = Classifier(model, prepared.dataset.classes, recipe.preprocessing)
    run.write_start(recipe, classifier, prepared.everything, _environment(prepared))

    began = time.perf_counter()
    fitted = _fit(model, prepared, run.folder, progress, callbacks)
    trained = time.perf_counter()
    if fitted.interrupted:
        progress.say("Interrupted: saving what was reached …", style="yellow")
    run.write_data(_without_dropped(prepared, progress))
    # A training that was cut short is judged only where it matters, so that it ends soon.
    splits = SPLITS[1:] if fitted.interrupted else SPLITS
    run.evaluate(splits, store_budget=prepared.store_budget, progress=progress)
    run.write_end(
        {
            "interrupted": fitted.interrupted,
            "epochs_s": fitted.seconds,
            "training_s": trained - began,
            "evaluation_s": time.perf_counter() - trained,
        }
    )
    run.report()


def _fit(
    model: "keras.Model",
    prepared: Prepared,
    folder: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
) -> "Fitted":
    """Fit the model; with a base, and where the recipe asks for it, fine-tune it then."""
    from viewfinder.training import fit
    from viewfinder.training.carving import carve
    from viewfinder.training.fine_tune import Feeds, fine_tune

    recipe = prepared.recipe
    train, validation = _batches(prepared, "train"), _batches(prepared, "validation")
    extras: dict[str, Any] = {"progress": progress, "callbacks": callbacks}
    if recipe.training.fine_tune is None:
        return fit(model, train, validation, recipe, folder, **extras)
    train, carved = carve(train, recipe.training.fine_tune.carved)
    fitted = fit(model, train, validation, recipe, folder, **extras)
    if fitted.interrupted:
        return fitted
    feeds = Feeds(train, validation, carved)
    return fine_tune(model, feeds, recipe, folder, fitted, **extras)


def _name_of(dataset: Dataset) -> str:
    """The folder's name, or the file's without its endings."""
    place = Path(str(dataset.source)).resolve()
    return place.name.partition(".")[0] if place.is_file() else place.name


def _split(dataset: Dataset, recipe: Recipe) -> Dataset:
    share, held = recipe.data.validation, recipe.data.holdout
    if held:
        share = 0.0 if recipe.chooses_on_folds else share
        return dataset.hold_out(held, validation=share, seed=recipe.seed)
    if not dataset.is_split or "validation" not in dataset.split_sizes():
        return dataset.split(validation=share, seed=recipe.seed)
    return dataset


def _read(
    dataset: Dataset, recipe: Recipe, budget: int | None, progress: Progress
) -> tuple[Dataset, dict[str, Pictures]]:
    """What reading the pictures has shown, and the pixels of each split's readable pictures."""
    needed: dict[Preprocessing, list[str]] = {}
    for split in dataset.split_sizes():
        is_train = split == "train"
        form = recipe.training_preprocessing if is_train else recipe.preprocessing
        needed.setdefault(form, []).append(split)
    parts: list[pd.DataFrame] = []
    pictures: dict[str, Pictures] = {}
    for preprocessing, splits in needed.items():
        part = dataset.where(dataset.table["split"].isin(splits))
        store = open_store(part, preprocessing, budget=budget, progress=progress)
        part = store.describe(part)
        parts.append(part.table)
        readable = part.where(part.table["status"] == "ok")
        pictures |= {split: store.pictures(readable.only(split)) for split in splits}
    table = pd.concat(parts).sort_values("locator", ignore_index=True)
    return replace(dataset, table=table), pictures


def _require_every_class(dataset: Dataset, rejected: Dataset) -> None:
    trained_on = set(dataset.only("train").table["label"])
    missing = [name for name in dataset.classes if name not in trained_on]
    if not missing:
        return
    raise DataError(
        f"There is nothing to train on for: {', '.join(missing)}.",
        expected="at least one readable picture of each class in the training split",
        received=_reasons(rejected.table[rejected.table["label"].isin(missing)]) or "none",
        remedy="add pictures of the class, or take its folder away from the other splits too",
    )


def _reasons(rejected: pd.DataFrame) -> str:
    counts = rejected["status"].value_counts()
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def _batches(prepared: Prepared, split: str) -> Batches:
    recipe, part = prepared.recipe, prepared.dataset.only(split)
    is_train = split == "train"
    height, width, _ = recipe.preprocessing.shape
    return Batches(
        prepared.pictures[split],
        part.labels,
        part.ids,
        batch_size=recipe.training.batch_size,
        plan=recipe.training.plan if is_train else policy("none"),
        size=(height, width),
        seed=recipe.seed,
        shuffle=is_train,
    )


def _without_dropped(prepared: Prepared, progress: Progress) -> Dataset:
    """All pictures, those marked as rejected that have turned bad while the training ran."""
    everything = prepared.everything
    table = everything.table.set_index("locator", drop=False)
    for pictures in prepared.pictures.values():
        for locator, rejection in pictures.dropped.items():
            table.loc[locator, ["status", "detail"]] = [rejection.reason.value, rejection.detail]
            progress.say(f"Dropped while training, {rejection.reason}: {locator}", style="yellow")
    return replace(everything, table=table.reset_index(drop=True))


def _environment(prepared: Prepared) -> dict[str, Any]:
    table = prepared.dataset.table
    content = "\n".join(table["locator"] + " " + table["content"] + " " + table["split"])
    return {
        "created": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "backend": choose_backend(),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "data": {
            "source": prepared.dataset.source.record(),
            "pictures": len(table),
            "hash": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
            "notes": list(prepared.dataset.notes),
        },
    }
