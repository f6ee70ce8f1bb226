"""Pictures that judge a model which has been trained on the same, or nearly the same, picture."""

import numpy as np

from viewfinder.core.errors import DataError
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import Keys, by_column
from viewfinder.split.duplicates import by_duplicates

# The column that says of a judging picture how training knows it: "exact", "near", or "".
LEAK = "leak"

# So few pictures are measured for near leaks at once; more, only if an audit has done it before.
_MEASURED_AT_ONCE = 5_000
# Comparing more takes longer than a reader of the result would wait for it.
_MOST_COMPARED = 100_000
_SHOWN = 3


def partners(dataset: Dataset, keys: Keys) -> Keys:
    """For each picture of another split, a training picture of its group, as its row; else -1.

    Args:
        dataset: The pictures, in splits.
        keys: Equal ones belong together, shape `(n,)`.
    """
    is_train = (dataset.table["split"] == "train").to_numpy()
    trained = np.full(len(dataset), -1, np.int64)
    trained[keys[is_train]] = np.flatnonzero(is_train)
    return np.where(is_train, -1, trained[keys])


def marked(dataset: Dataset, *, allowed: bool, progress: Progress) -> Dataset:
    """The dataset with the column `leak`; leaks are said aloud.

    Exact leaks, by the hash of the pictures' bytes, are always found. Near ones are looked for
    where that costs little: in up to 5,000 pictures, or where an audit or a split has measured all
    of them before.

    Args:
        dataset: Pictures that have been read, in splits.
        allowed: Whether exact leaks are let through.
        progress: Says what was found.

    Raises:
        DataError: A picture of another split is in training too, and that is not allowed.
    """
    if not allowed:
        require_no_exact(dataset)
    exact = partners(dataset, by_column(dataset, "content"))
    near = np.full(len(dataset), -1, np.int64)
    if _near_costs_little(dataset):
        near = partners(dataset, by_duplicates(dataset, progress).keys)
    kinds = np.where(exact >= 0, "exact", np.where(near >= 0, "near", ""))
    for kind, found in (("exact", exact), ("near", near)):
        if count := int((kinds == kind).sum()):
            progress.say_once(_warning(dataset, kind, count, found), style="yellow")
    return dataset.with_columns({LEAK: kinds.astype(object)})


def require_no_exact(dataset: Dataset) -> None:
    """Raise `DataError` where the bytes of a picture of another split are in training too.

    Args:
        dataset: Pictures that have been read, in splits.
    """
    exact = partners(dataset, by_column(dataset, "content"))
    if (exact >= 0).any():
        raise _refusal(dataset, exact)


def known_leaks(dataset: Dataset) -> dict[str, str]:
    """How training knows the pictures that leak, by locator; none where nobody has looked."""
    if LEAK not in dataset.table:
        return {}
    leaking = dataset.table[dataset.table[LEAK].isin(["exact", "near"])]
    return dict(zip(leaking["locator"], leaking[LEAK], strict=True))


def _near_costs_little(dataset: Dataset) -> bool:
    from viewfinder.audit.measurements import is_measured

    if len(dataset) <= _MEASURED_AT_ONCE:
        return True
    return len(dataset) <= _MOST_COMPARED and is_measured(dataset)


def _refusal(dataset: Dataset, partner: Keys) -> DataError:
    count = int((partner >= 0).sum())
    are = "picture is" if count == 1 else "pictures are"
    return DataError(
        f"{count:,} {are} in training and in another split too: what was learned by heart "
        "would be judged.",
        expected="no picture on both sides",
        received=_pairs(dataset, partner),
        remedy=f"viewfinder split {dataset.source} --output NAME.dataset brings copies to one "
        "side, and viewfinder clean leaves them out; then train on NAME.dataset. "
        "Or train with --allow-leaks: the result is given with and without them",
    )


def _warning(dataset: Dataset, kind: str, count: int, partner: Keys) -> str:
    if kind == "exact":
        what = "is in training, too" if count == 1 else "are in training, too"
    else:
        what = "is nearly a training picture" if count == 1 else "are nearly training pictures"
    pictures = "picture that judges" if count == 1 else "pictures that judge"
    return (
        f"{count:,} {pictures} {what} ({_pairs(dataset, partner)}). The result is given with and "
        f"without them; viewfinder split {dataset.source} keeps such pictures on one side."
    )


def _pairs(dataset: Dataset, partner: Keys) -> str:
    rows = np.flatnonzero(partner >= 0)
    locators = dataset.table["locator"].to_numpy(object)
    shown = "; ".join(f"{locators[row]} = {locators[partner[row]]}" for row in rows[:_SHOWN])
    return shown + ("; …" if len(rows) > _SHOWN else "")
