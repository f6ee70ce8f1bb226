"""Prepared pictures: split, read and checked, and given out in batches."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from viewfinder.audit.series import Series, find_series
from viewfinder.augment import policy
from viewfinder.augment.batches import Batches, Pictures, balanced_weights
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.data import masks
from viewfinder.data.contradictions import contradicting, in_words
from viewfinder.data.dataset import SPLITS, UNSPLIT, Dataset
from viewfinder.data.splits.groups import known_groups
from viewfinder.data.store import open_store
from viewfinder.data.store.sizes import suitable_input
from viewfinder.pictures.codecs.magic import READABLE
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.recipe import Recipe
from viewfinder.split.leaks import marked


@dataclass(frozen=True)
class Prepared:
    """Pictures that are ready for training.

    Attributes:
        recipe: The recipe, with the settings that depend on the pictures.
        dataset: The readable pictures, each in a split.
        rejected: The pictures that cannot be used, each with its reason.
        pictures: The prepared pixels of each split's pictures.
        store_budget: The requested limit of pixels on disk, in bytes.
        given: The splits that the data came with; None where unknown.
        series: The series that file names carry and that nobody named as groups, or None.
        seconds: How long reading and decoding took; 0 where unknown.
    """

    recipe: Recipe
    dataset: Dataset
    rejected: Dataset
    pictures: dict[str, Pictures]
    store_budget: int | None = None
    given: tuple[str, ...] | None = None
    series: Series | None = None
    seconds: float = 0.0

    @property
    def as_given(self) -> Dataset:
        """The readable pictures in the splits that they came with."""
        splits, given = self.dataset.table["split"], self.given or ()
        before = "train" if "train" in given else UNSPLIT  # what training has set aside since
        return self.dataset.with_columns({"split": splits.where(splits.isin(given), before).array})

    @property
    def everything(self) -> Dataset:
        """Readable and rejected pictures, sorted by locator."""
        table = pd.concat([self.dataset.table, self.rejected.table])
        return replace(self.dataset, table=table.sort_values("locator", ignore_index=True))


def prepare(
    dataset: Dataset,
    recipe: Recipe,
    *,
    given: tuple[str, ...] | None = None,
    store_budget: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Split the dataset, read its pictures, and reject those that cannot be read.

    Args:
        dataset: The pictures.
        recipe: The recipe.
        given: The splits that the data came with, where a search has made others since.
        store_budget: The requested limit of pixels on disk, in bytes.
        progress: Shows the reading, and what is remarkable.

    Raises:
        UsageError: A test split is requested, and the data has one.
        DataError: The readable pictures cannot be trained on.
    """
    progress = progress or Progress(0)
    began = time.perf_counter()
    if given is None:
        given = tuple(split for split in dataset.split_sizes() if split in SPLITS)
    if masked := masks.warning(dataset):
        progress.say_once(masked, style="yellow")
    dataset = _with_fold(dataset, recipe)
    recipe = settled(recipe, dataset)
    readable, rejected = dataset, dataset.where(np.zeros(len(dataset), bool))
    while True:
        # Splitting comes first, because training pictures may be stored larger than the others.
        # Where pictures turn out to be unreadable, or duplicates in two splits that were made
        # here, the readable ones are split again.
        split = _split(readable, recipe)
        seen, pictures = read_pictures(split, recipe, store_budget, progress)
        good = (seen.table["status"] == "ok").to_numpy()
        rejected = replace(rejected, table=pd.concat([rejected.table, seen.table[~good]]))
        readable = _with_contents(readable, seen)
        if good.all() and _same_splits(_split(readable, recipe), seen):
            break
        if not good.any():
            raise DataError(
                f"None of the {len(dataset)} files in {dataset.source} is a readable picture.",
                expected=f"{READABLE} files",
                received=_reasons(rejected.table),
            )
        readable = readable.where(readable.table["locator"].isin(seen.table["locator"][good]))
    require_every_class(seen, rejected)
    seen = marked(seen, allowed=recipe.data.allow_leaks, progress=progress)
    if len(wrong := contradicting(seen.table)):
        remedy = f"viewfinder audit {seen.source} lists them all."
        progress.say_once(f"{in_words(wrong)} {remedy}", style="yellow")
    prepared = Prepared(recipe, seen, rejected, pictures, store_budget, given)
    if series := find_series(seen, progress=progress):
        prepared = replace(prepared, series=series)
        if series.torn(seen):
            _report(series, prepared.as_given, progress)
    return replace(prepared, seconds=time.perf_counter() - began)


def _report(series: Series, dataset: Dataset, progress: Progress) -> None:
    """Print the series, and what keeping them together would do to the split.

    Args:
        series: Series that are in several splits.
        dataset: The pictures in the splits that they came with.
        progress: Prints it.
    """
    remedy = f"{series.option} keeps each series in one split."
    if series.torn(dataset):
        remedy = f"viewfinder split {dataset.source} {series.option} --anew splits by series."
    words = f"{series.in_words()} {series.effect(dataset)} {remedy}"
    progress.say_once(words, style="yellow" if series.inflates else None)


def settled(recipe: Recipe, dataset: Dataset) -> Recipe:
    """The recipe with an input size and colour: its own, its base's, or what suits the pictures."""
    recipe = recipe.resolved_by_base()
    if recipe.input.size is None or recipe.input.color is None:
        recipe = recipe.resolved(*suitable_input(dataset))
    return recipe


def placed(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The dataset with each picture in its split under this recipe.

    Raises:
        UsageError: The dataset has no such fold, or already has a test split.
        DataError: The split to hold out is missing, or a class has too few pictures.
    """
    return _split(_with_fold(dataset, recipe), recipe)


def read_pictures(
    dataset: Dataset, recipe: Recipe, budget: int | None, progress: Progress
) -> tuple[Dataset, dict[str, Pictures]]:
    """The dataset with what reading found, and the pixels of each split's readable pictures."""
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
        readable = part.readable
        pictures |= {split: store.pictures(readable.only(split)) for split in splits}
    table = pd.concat(parts).sort_values("locator", ignore_index=True)
    return replace(dataset, table=table), pictures


def batches_of(prepared: Prepared, split: str) -> Batches:
    """The batches of a split: training pictures shuffled and augmented."""
    recipe, part = prepared.recipe, prepared.dataset.only(split)
    is_train = split == "train"
    height, width, _ = recipe.preprocessing.shape
    is_sampled = is_train and recipe.steps.balance == "sampling"
    return Batches(
        prepared.pictures[split],
        part.labels,
        part.ids,
        batch_size=recipe.steps.batch_size,
        plan=recipe.training.plan if is_train else policy("none"),
        size=(height, width),
        mixup=recipe.training.mixup if is_train else 0.0,
        seed=recipe.seed,
        shuffle=is_train,
        weights=balanced_weights(part.labels) if is_sampled else None,
    )


def validation_of(prepared: Prepared) -> Batches | None:
    """The batches of the validation split; None where all pictures train.

    Raises:
        UsageError: The recipe watches these pictures, and there are none.
    """
    if "validation" in prepared.pictures:
        return batches_of(prepared, "validation")
    training = prepared.recipe.steps
    watching = [
        (training.stop.patience, "training.stop.patience"),
        ((training.stop.target or "").startswith("val_"), "training.stop.target"),
        (training.schedule.kind == "plateau", "training.schedule=plateau"),
    ]
    for is_set, key in watching:
        if is_set:
            raise UsageError(
                f"{key} watches the validation pictures, and there are none.",
                expected=f"data.validation above 0, or no {key}",
                received="data.validation=0",
            )
    return None


def without_dropped(prepared: Prepared, progress: Progress) -> Dataset:
    """All pictures; those that became unreadable while training are marked as rejected."""
    everything = prepared.everything
    table = everything.table.set_index("locator", drop=False)
    for pictures in prepared.pictures.values():
        for locator, rejection in pictures.dropped.items():
            table.loc[locator, ["status", "detail"]] = [rejection.reason.value, rejection.detail]
            progress.say(f"Skipped while training ({rejection.reason}): {locator}", style="yellow")
    return replace(everything, table=table.reset_index(drop=True))


def require_every_class(dataset: Dataset, rejected: Dataset) -> None:
    """Raise `DataError` unless the training split has a readable picture of each class."""
    trained_on = set(dataset.only("train").table["label"])
    missing = [name for name in dataset.classes if name not in trained_on]
    if not missing:
        return
    raise DataError(
        f"These classes have no pictures to train on: {', '.join(missing)}.",
        expected="at least one readable picture of each class in the training split",
        received=_reasons(rejected.table[rejected.table["label"].isin(missing)]) or "none",
        remedy="add pictures of the class, or remove its folder from the other splits too",
    )


def _require_training(dataset: Dataset) -> None:
    """Raise `DataError` if all pictures are in evaluation splits."""
    if dataset.table["split"].isin(["train", UNSPLIT]).any():
        return
    sizes = dataset.split_sizes()
    raise DataError(
        f"{dataset.source} has no training pictures.",
        expected="pictures in a training split, or pictures without splits",
        received=", ".join(f"{count:,} {name}" for name, count in sizes.items()),
        remedy="add training pictures; to train on those in a folder such as test/, open that "
        "folder itself"
        if dataset.layout
        else "add training pictures, or remove the splits",
    )


def _with_fold(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The dataset with the recipe's fold as validation split."""
    _require_training(dataset)
    if recipe.data.fold is not None:
        dataset = dataset.use_fold(recipe.data.fold)
    if recipe.data.holdout:
        dataset.require_split(recipe.data.holdout)
    if recipe.data.test and "test" in dataset.split_sizes():
        raise UsageError(
            "The data has a test split already.",
            expected="no data.test, or data without a test split",
            received=f"data.test={recipe.data.test:g}, "
            f"and a test split of {dataset.split_sizes()['test']:,} pictures",
            remedy="train without data.test: the test split is evaluated at the end",
        )
    return dataset


def _split(dataset: Dataset, recipe: Recipe) -> Dataset:
    share, held, test = recipe.data.validation, recipe.data.holdout, recipe.data.test
    groups = known_groups(dataset.table)
    if recipe.chooses_on_folds and (held or test):
        share = 0.0  # folds choose, so that no validation pictures are needed
    if held:
        return dataset.hold_out(held, validation=share, seed=recipe.seed, groups=groups)
    if test or not dataset.is_split or "validation" not in dataset.split_sizes():
        return dataset.split(validation=share, test=test, seed=recipe.seed, groups=groups)
    return dataset


def _with_contents(dataset: Dataset, seen: Dataset) -> Dataset:
    """The dataset with the content hashes of the pictures that have been read."""
    contents = dict(zip(seen.table["locator"], seen.table["content"], strict=True))
    found = dataset.table["locator"].map(contents).fillna("")
    return dataset.with_columns({"content": found.array})


def _same_splits(split: Dataset, seen: Dataset) -> bool:
    """Whether each picture has the same split in both."""
    splits = dict(zip(split.table["locator"], split.table["split"], strict=True))
    return splits == dict(zip(seen.table["locator"], seen.table["split"], strict=True))


def _reasons(rejected: pd.DataFrame) -> str:
    counts = rejected["status"].value_counts()
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())
