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
from viewfinder.batches import Batches, Pictures, balanced_weights
from viewfinder.classifier import Classifier
from viewfinder.data.dataset import SPLITS, Dataset
from viewfinder.data.groups import known_groups
from viewfinder.data.leaks import marked
from viewfinder.data.sizes import suitable_input
from viewfinder.data.store import open_store
from viewfinder.errors import DataError
from viewfinder.files import require_writable
from viewfinder.parallel import cores
from viewfinder.preprocessing import Preprocessing
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe
from viewfinder.recipes import recipe_named
from viewfinder.run import Run, plain_name
from viewfinder.run.live import say_the_worst, watchers_of
from viewfinder.runtime.backend import choose_backend, versions
from viewfinder.runtime.determinism import use_deterministic_operations

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
    recipe: Recipe | str = "scratch",
    *,
    output: str | Path = "runs",
    name: str | None = None,
    progress: Progress | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    store_budget: int | None = None,
    tensorboard: bool = False,
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
        tensorboard: Whether logs for TensorBoard are written into the run.
        on_prepared: Called with the pictures once they are ready, before training starts.

    Returns:
        The run. `run.timing["ended"]` says why the training ended; if Ctrl-C or a kill did, or
        its time was over, :func:`viewfinder.resume` goes on with it.

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
    if tensorboard:
        _require_tensorboard()
    prepared = prepare(dataset, recipe, store_budget=store_budget, progress=progress)
    if on_prepared:
        on_prepared(prepared)
    model = compiled(prepared, progress)
    run = Run.create(Path(output), name)
    classifier = Classifier(model, prepared.dataset.classes, prepared.recipe.preprocessing)
    run.write_start(prepared.recipe, classifier, prepared.everything, _environment(prepared))
    complete(run, model, prepared, progress, callbacks, tensorboard=tensorboard)
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
    progress = progress or Progress(0)
    if recipe.data.fold is not None:
        dataset = dataset.use_fold(recipe.data.fold)
    if recipe.data.holdout:
        dataset.require_split(recipe.data.holdout)
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.settled(*suitable_input(dataset))
    readable, rejected = dataset, dataset.where(np.zeros(len(dataset), bool))
    while True:
        # Splitting comes first, because training pictures may be stored larger than the others;
        # where pictures turn out to be unreadable, or copies of each other on two sides of a split
        # that was made here, the readable ones are split again.
        split = _split(readable, recipe)
        seen, pictures = read_pictures(split, recipe, store_budget, progress)
        good = (seen.table["status"] == "ok").to_numpy()
        rejected = replace(rejected, table=pd.concat([rejected.table, seen.table[~good]]))
        readable = _with_contents(readable, seen)
        if good.all() and _same_sides(_split(readable, recipe), seen):
            break
        if not good.any():
            raise DataError(
                f"None of the {len(dataset)} files in {dataset.source} is a readable picture.",
                expected="JPEG, PNG, GIF, BMP, WebP or TIFF files",
                received=_reasons(rejected.table),
            )
        readable = readable.where(readable.table["locator"].isin(seen.table["locator"][good]))
    _require_every_class(seen, rejected)
    seen = marked(seen, allowed=recipe.data.allow_leaks, progress=progress)
    return Prepared(recipe, seen, rejected, pictures, store_budget)


def compiled(prepared: Prepared, progress: Progress) -> "keras.Model":
    """The recipe's model, ready to be fitted."""
    from viewfinder.models import build_model
    from viewfinder.training import compile_model

    recipe = prepared.recipe
    if recipe.training.deterministic:
        progress.say(use_deterministic_operations())
    model = build_model(recipe, len(prepared.dataset.classes))
    steps_an_epoch = len(batches_of(prepared, "train"))
    compile_model(model, recipe, steps=steps_an_epoch * recipe.training.epochs)
    return model


def complete(
    run: Run,
    model: "keras.Model",
    prepared: Prepared,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]",
    *,
    tensorboard: bool = False,
    resume: bool = False,
) -> None:
    """Fit, evaluate, report: everything after pictures, model and folder are ready."""
    from viewfinder.training import fit, tensorboard_logs

    logs = [tensorboard_logs(run.folder)] if tensorboard else []
    fitted = fit(
        model,
        batches_of(prepared, "train"),
        batches_of(prepared, "validation"),
        prepared.recipe,
        run.folder,
        progress=progress,
        callbacks=[*watchers_of(run, progress), *logs, *callbacks],
        resume=resume,
    )
    trained = time.perf_counter()
    _say_how_it_ended(fitted, run, progress)
    run.write_data(_without_dropped(prepared, progress))
    # A training that was cut short is judged only where it matters, so that it ends soon.
    splits = SPLITS[1:] if fitted.interrupted else SPLITS
    try:
        run.evaluate(splits, store_budget=prepared.store_budget, progress=progress)
    except DataError:  # a model whose answers are no numbers
        say_the_worst(run, progress)
        raise
    run.write_end(
        {
            "ended": fitted.ended,
            "why": fitted.why,
            "interrupted": fitted.interrupted,
            "epochs_s": fitted.seconds,
            "training_s": fitted.training_seconds,
            "evaluation_s": time.perf_counter() - trained,
        }
    )
    run.doctor(progress=progress)
    run.report()


def _say_how_it_ended(fitted: "Fitted", run: Run, progress: Progress) -> None:
    if fitted.interrupted:
        progress.say("Interrupted: saving what was reached …", style="yellow")
    if fitted.why:
        progress.say(fitted.why, style="yellow" if fitted.ended == "diverged" else None)
    if fitted.ended == "diverged":
        kept = "best epoch's" if fitted.best_epoch else "last good checkpoint's"
        progress.say(f"The {kept} model is kept. A lower --lr is the next thing to try.")
    if fitted.ended in ("interrupted", "time"):
        progress.say(f"Go on with: viewfinder train --resume {run}")


def _require_tensorboard() -> None:
    from viewfinder.training import require_tensorboard  # imports Keras

    require_tensorboard()


def _name_of(dataset: Dataset) -> str:
    """The folder's name without `.dataset`, or the file's without its endings."""
    place = Path(str(dataset.source)).resolve()
    if place.is_file():
        return place.name.partition(".")[0]
    return place.name.removesuffix(".dataset") or place.name


def _split(dataset: Dataset, recipe: Recipe) -> Dataset:
    share, held = recipe.data.validation, recipe.data.holdout
    groups = known_groups(dataset)
    if held:
        return dataset.hold_out(held, validation=share, seed=recipe.seed, groups=groups)
    if not dataset.is_split or "validation" not in dataset.split_sizes():
        return dataset.split(validation=share, seed=recipe.seed, groups=groups)
    return dataset


def _with_contents(dataset: Dataset, seen: Dataset) -> Dataset:
    """The dataset with the hashes of the pictures' bytes, as far as they have been read."""
    contents = dict(zip(seen.table["locator"], seen.table["content"], strict=True))
    found = dataset.table["locator"].map(contents).fillna("")
    return dataset.with_columns({"content": found.array})


def _same_sides(split: Dataset, seen: Dataset) -> bool:
    """Whether two splits of the same pictures are the same."""
    sides = dict(zip(split.table["locator"], split.table["split"], strict=True))
    return sides == dict(zip(seen.table["locator"], seen.table["split"], strict=True))


def read_pictures(
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


def batches_of(prepared: Prepared, split: str) -> Batches:
    """The batches of a split as they are fed: training pictures shuffled and varied."""
    recipe, part = prepared.recipe, prepared.dataset.only(split)
    is_train = split == "train"
    height, width, _ = recipe.preprocessing.shape
    is_sampled = is_train and recipe.training.balance == "sampling"
    return Batches(
        prepared.pictures[split],
        part.labels,
        part.ids,
        batch_size=recipe.training.batch_size,
        plan=recipe.training.plan if is_train else policy("none"),
        size=(height, width),
        seed=recipe.seed,
        shuffle=is_train,
        weights=balanced_weights(part.labels) if is_sampled else None,
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
