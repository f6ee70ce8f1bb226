"""Paired tests of two runs on the same pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.core.pairs import mcnemar_p, on_one_only
from viewfinder.core.shares import holm
from viewfinder.evaluation.significance import mean_interval
from viewfinder.run_folder import RunFolder

# Keras and `score` clip probabilities at this before they take the logarithm.
_EPSILON = 1e-7
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs on the pictures on which both were evaluated.

    Differences are the second less the first; 95 % intervals are from a paired bootstrap.

    Attributes:
        first: The name of the first run.
        second: The name of the second run.
        both_right: Pictures that both answer rightly.
        only_first: Pictures that only the first answers rightly.
        only_second: Pictures that only the second answers rightly.
        both_wrong: Pictures that neither answers rightly.
        accuracy_difference: From -1 to 1.
        accuracy_interval: Its interval.
        loss_difference: Of the mean cross-entropy, in nats; below 0 the second is better.
        loss_interval: Its interval.
        p: The p-value of McNemar's exact test.
        p_holm: The p-value after Holm's correction for the number of pairs.
    """

    first: str
    second: str
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    accuracy_difference: float
    accuracy_interval: tuple[float, float]
    loss_difference: float
    loss_interval: tuple[float, float]
    p: float
    p_holm: float

    @property
    def is_told_apart(self) -> bool:
        """Whether the corrected p-value is below 0.05."""
        return self.p_holm < _SIGNIFICANT

    @property
    def sentence(self) -> str:
        """The result as a sentence."""
        lead = abs(self.accuracy_difference)
        better, worse = self.second, self.first
        if self.accuracy_difference < 0:
            better, worse = worse, better
        if not self.is_told_apart:
            return f"{self.first} and {self.second} cannot be told apart on these pictures."
        return f"{better} is right more often than {worse}, by {100 * lead:.1f} points."


@dataclass(frozen=True, slots=True)
class PairedSplit:
    """All pairs of runs on the pictures of one split that they have in common.

    Attributes:
        split: Its name.
        count: Pictures in common.
        notes: The pictures that were left out, and why.
        pairs: The comparisons; empty where the runs have no picture in common.
    """

    split: str
    count: int
    notes: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON; see docs/formats.md."""
        pairs = [{**asdict(one), "told_apart": one.is_told_apart} for one in self.pairs]
        return {"split": self.split, "count": self.count, "notes": list(self.notes), "pairs": pairs}


def paired_split(names: Sequence[str], runs: Sequence[RunFolder], split: str) -> PairedSplit:
    """Compare every two runs on the pictures of `split` on which all were evaluated.

    Pictures are equal where their bytes are (`content`), whatever their names. Copies of one
    picture count once, because their answers are not independent.
    """
    answers = [_answers(run, split) for run in runs]
    common = answers[0].index
    for table in answers[1:]:
        common = common.intersection(table.index)
    common = common.sort_values()
    labels = pd.concat([table.loc[common, "label"] for table in answers], axis=1)
    is_agreed = labels.nunique(axis=1).to_numpy() == 1
    notes = _notes(names, answers, len(common), int((~is_agreed).sum()), split)
    common = common[is_agreed]
    if not len(common):
        return PairedSplit(split, 0, notes, ())
    shared = [table.loc[common] for table in answers]
    pairs = [
        _compared((names[first], names[second]), (shared[first], shared[second]))
        for first, second in combinations(range(len(runs)), 2)
    ]
    corrected = holm([pair["p"] for pair in pairs])
    made = (Pair(**pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True))
    return PairedSplit(split, len(common), notes, tuple(made))


def _answers(run: RunFolder, split: str) -> pd.DataFrame:
    """A row a picture of the split, by content: `label`, `right`, `loss`, `copies`."""
    rows = run.predictions
    rows = rows[rows["split"] == split]
    content = run.data.set_index("locator")["content"]
    position = pd.Index(run.classes).get_indexer(pd.Index(rows["label"]))
    shares = np.array([list(row) for row in rows["probabilities"]], np.float64)
    shares = shares.reshape(len(rows), len(run.classes))
    of_truth = np.where(position >= 0, shares[np.arange(len(rows)), position], 0.0)
    table = pd.DataFrame(
        {
            "content": rows["locator"].map(content).to_numpy(),
            "label": rows["label"].to_numpy(),
            "right": (rows["label"] == rows["predicted"]).to_numpy(),
            "loss": -np.log(np.clip(of_truth, _EPSILON, 1 - _EPSILON)),
        }
    )
    unique = table.drop_duplicates("content").set_index("content")
    return unique.assign(copies=table["content"].value_counts() - 1)


def _compared(names: tuple[str, str], tables: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    first, second = (table["right"].to_numpy(bool) for table in tables)
    losses = tables[1]["loss"].to_numpy() - tables[0]["loss"].to_numpy()
    lead = second.astype(np.float64) - first
    only_first, only_second = on_one_only(first, second)
    return {
        "first": names[0],
        "second": names[1],
        "both_right": int((first & second).sum()),
        "only_first": only_first,
        "only_second": only_second,
        "both_wrong": int((~first & ~second).sum()),
        "accuracy_difference": float(lead.mean()),
        "accuracy_interval": mean_interval(lead),
        "loss_difference": float(losses.mean()),
        "loss_interval": mean_interval(losses),
        "p": mcnemar_p(only_first, only_second),
    }


def _notes(
    names: Sequence[str],
    answers: Sequence[pd.DataFrame],
    common: int,
    disputed: int,
    split: str,
) -> tuple[str, ...]:
    notes = []
    for name, table in zip(names, answers, strict=True):
        if copies := int(table["copies"].sum()):
            notes.append(f"{name}: {copies:,} copies of other pictures count once.")
        if len(table) > common:
            notes.append(
                f"{name}: {len(table) - common:,} of its {len(table):,} {split} pictures are not "
                "among those of the others and are left out."
            )
    if not common:
        notes.append(f"The runs have no {split} picture in common, so nothing is tested.")
    if disputed:
        notes.append(f"{disputed:,} pictures have another label in another run and are left out.")
    return tuple(notes)
