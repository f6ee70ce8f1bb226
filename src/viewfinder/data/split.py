"""Train, validation and test: stratified, by seed, the same whatever the order of the files.

The rule: within each class the pictures are ordered by a hash of (seed, locator). The first
`round(n × test)` of them are the test pictures, the next `round(n × validation)` the validation
pictures, the others the training pictures. A fraction above zero takes at least one picture, and
leaves at least one for each of the others and for training.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.errors import DataError, UsageError
from viewfinder.randomness import Randomness, ids


def split(dataset: Dataset, *, validation: float, test: float = 0.0, seed: int = 0) -> Dataset:
    """Make the splits that the dataset does not have yet.

    A dataset without any splits gets those whose fraction is above zero. Where there are splits
    already they stay as they are, and only a missing validation (or test) split is carved from
    the training pictures.

    Args:
        dataset: The pictures.
        validation: The validation split's share of each class, in [0, 1).
        test: The test split's share of each class, in [0, 1).
        seed: Decides which pictures go where.

    Raises:
        UsageError: The fractions are not shares of a whole.
        DataError: A class has too few pictures to be split.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise UsageError(
            "The splits' fractions must leave something to train on.",
            expected="validation and test in [0, 1), less than 1 together",
            received=f"validation {validation}, test {test}",
        )
    existing = dataset.split_sizes()
    fractions = {
        name: fraction
        for name, fraction in (("test", test), ("validation", validation))
        if fraction > 0 and name not in existing
    }
    table = dataset.table
    pool = np.flatnonzero(table["split"].isin([UNSPLIT, "train"]))
    drawn = Randomness(seed).order("split", epoch=-1, examples=ids(table["locator"].iloc[pool]))
    # The order of a class is that of all pictures without the others: each has its own draw.
    in_order = pool[drawn]
    splits = table["split"].to_numpy(object, copy=True)
    splits[pool] = "train"
    labels = table["label"].iloc[in_order].reset_index(drop=True)
    rows_of = labels.groupby(labels, sort=False).indices
    for label in table["label"].iloc[pool].unique():
        rows = rows_of[label]
        places = _places(len(rows), fractions, label)
        splits[in_order[rows[: len(places)]]] = places
    table = table.assign(split=pd.Series(splits, table.index, table["split"].dtype))
    return replace(dataset, table=table).noting(*_said_aloud(fractions, seed))


def hold_out(dataset: Dataset, held: str, *, validation: float, seed: int = 0) -> Dataset:
    """Keep the split `held` for one evaluation at the end: it becomes the test split.

    What was the test split before is left out, and a validation split is carved from the training
    pictures (unless the dataset has one beside `held`).

    Raises:
        DataError: There is no such split.
        UsageError: It is the training split.
    """
    dataset.require_split(held)
    if held == "train":
        raise UsageError("The training split cannot be held out.", expected="validation or test")
    if held == "validation":
        if "test" in dataset.split_sizes():
            dataset = dataset.where(dataset.table["split"] != "test").noting(
                "Left out: the test split."
            )
        dataset = dataset.with_columns(
            {"split": dataset.table["split"].replace(held, "test").array}
        )
    kept = dataset.noting(f"Held out for one evaluation at the end: the {held} split.")
    return split(kept, validation=validation, seed=seed)


def _places(count: int, fractions: dict[str, float], label: str) -> list[str]:
    """The splits of a class's first pictures in the drawn order; the rest is for training."""
    needed = ["train", *fractions]
    if count < len(needed):
        raise DataError(
            f"The class {label!r} has too few pictures to be split.",
            expected=f"at least {len(needed)}: one for each of {', '.join(needed)}",
            received=f"{count} to take them from",
            remedy="add pictures, or take the class's folder away",
        )
    places: list[str] = []
    for done, (name, fraction) in enumerate(fractions.items()):
        most = count - len(places) - (len(fractions) - done)
        places += [name] * min(max(1, round(count * fraction)), most)
    return places


def _said_aloud(fractions: dict[str, float], seed: int) -> list[str]:
    return [
        f"No {name} split was given: {fraction:.0%} of each class was set aside (seed {seed})."
        for name, fraction in fractions.items()
    ]
