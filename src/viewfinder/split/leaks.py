"""Leaks: pictures of another split that are in training too, exactly or nearly."""

import numpy as np
import pandas as pd

from viewfinder.audit import duplicate_groups, survey
from viewfinder.audit.measurements import is_measured
from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.core.words import counted, listed
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.splits.groups import Groups, Keys, by_column

# The column with each picture's kind of leak: "exact", "near", or "".
LEAK = "leak"
# The kind of a near leak whose group no split keeps whole.
INSEPARABLE = "inseparable"

# Up to this many pictures are measured for near leaks right away; more, only if an audit has.
MEASURED_AT_ONCE = 5_000
# Comparing more takes longer than the user of a training would wait.
_MOST_COMPARED = 100_000
_SHOWN = 3


def partners(dataset: Dataset, keys: Keys) -> Keys:
    """For each picture of another split, the row of a training picture of its group; else -1.

    Args:
        dataset: The pictures, in splits.
        keys: Pictures with equal keys form a group, shape `(n,)`.
    """
    is_train = (dataset.table["split"] == "train").to_numpy()
    training_row = np.full(len(dataset), -1, np.int64)
    training_row[keys[is_train]] = np.flatnonzero(is_train)
    return np.where(is_train, -1, training_row[keys])


def marked(dataset: Dataset, *, allowed: bool, progress: Progress) -> Dataset:
    """The dataset with the column `leak`; exact and near leaks are printed as warnings.

    Exact leaks, by the hash of the pictures' bytes, are always found. Near leaks are looked for
    where that is cheap: in up to 5,000 pictures, or where an audit or a split has measured all of
    them before. Pictures that are marked already, as those of a search, are not printed again.

    Args:
        dataset: Pictures that have been read, in splits.
        allowed: Whether exact leaks are accepted.
        progress: Prints the warnings.

    Raises:
        DataError: A picture of another split is in training too, and that is not allowed.
    """
    if not allowed:
        require_no_exact(dataset)
    exact = partners(dataset, by_column(dataset.table, "content"))
    near, kind_of_near = np.full(len(dataset), -1, np.int64), "near"
    before = dataset.table.get(LEAK, pd.Series("", dataset.table.index)).to_numpy(object)
    if _is_cheap(dataset):
        groups = duplicate_groups(survey(dataset, progress=progress)).as_groups()
        near = partners(dataset, groups.keys)
        # Without the held-out pictures, a group may look smaller than it is.
        if INSEPARABLE in before or ((near >= 0).any() and not _are_separable(dataset, groups)):
            kind_of_near = INSEPARABLE
    kinds = np.where(exact >= 0, "exact", np.where(near >= 0, kind_of_near, ""))
    for kind, partner in (("exact", exact), (kind_of_near, near)):
        is_new = (kinds == kind) & (before != kind)
        if is_new.any():
            count = int((kinds == kind).sum())
            progress.say_once(_warning(dataset, kind, count, partner), style="yellow")
    return dataset.with_columns({LEAK: kinds.astype(object)})


def require_no_exact(dataset: Dataset) -> None:
    """Raise `DataError` where the bytes of a picture of another split are in training too.

    Args:
        dataset: Pictures that have been read, in splits.
    """
    exact = partners(dataset, by_column(dataset.table, "content"))
    if (exact >= 0).any():
        raise _refusal(dataset, exact)


def known_leaks(dataset: Dataset) -> dict[str, str]:
    """By locator, the kind of each leaking picture: exact or near; empty before `marked`."""
    if LEAK not in dataset.table:
        return {}
    leaking = dataset.table[dataset.table[LEAK].isin(["exact", "near", INSEPARABLE])]
    kinds = leaking[LEAK].replace(INSEPARABLE, "near")
    return dict(zip(leaking["locator"], kinds, strict=True))


def _are_separable(dataset: Dataset, groups: Groups) -> bool:
    """Whether a new split keeps each of these groups whole."""
    unsplit = dataset.with_columns({"split": [UNSPLIT] * len(dataset)})
    try:
        return bool((partners(unsplit.split(groups=groups), groups.keys) < 0).all())
    except DataError:
        return False


def _is_cheap(dataset: Dataset) -> bool:
    if len(dataset) <= MEASURED_AT_ONCE:
        return True
    return len(dataset) <= _MOST_COMPARED and is_measured(dataset)


def _refusal(dataset: Dataset, partner: Keys) -> DataError:
    pictures = counted(int((partner >= 0).sum()), "picture is")
    return DataError(
        f"{pictures} in training and in another split too: the evaluation would reward memorising.",
        expected="each picture in one split",
        received=_pairs(dataset, partner),
        remedy="train on a dataset saved by `viewfinder split`, with duplicates in one split, or "
        "by `viewfinder clean`, without duplicates; or set `allow_leaks`: the result is then "
        "reported with and without them",
    )


def _warning(dataset: Dataset, kind: str, count: int, partner: Keys) -> str:
    what = "in training too"
    if kind != "exact":
        what = "a near duplicate of a training picture"
        what = what if count == 1 else "near duplicates of training pictures"
    remedy = f"viewfinder split {dataset.source} keeps duplicates in one split."
    if kind == INSEPARABLE:
        remedy = (
            "no split can keep their groups together, which are too large; viewfinder clean "
            f"{dataset.source} --fix near-duplicates keeps one picture of each."
        )
    return (
        f"{counted(count, 'evaluation picture is')} {what} ({_pairs(dataset, partner)}). The "
        f"result is reported with and without them; {remedy}"
    )


def _pairs(dataset: Dataset, partner: Keys) -> str:
    rows = np.flatnonzero(partner >= 0)
    locators = dataset.table["locator"].to_numpy(object)
    pairs = [f"{locators[row]} = {locators[partner[row]]}" for row in rows]
    return listed(pairs, _SHOWN, separator="; ")
