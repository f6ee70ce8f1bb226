"""Two models on the same pictures: which is right where the other is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from viewfinder.evaluation.significance import holm, mcnemar_p, mean_interval


@dataclass(frozen=True)
class RunRecord:
    """A run as plain tables and mappings.

    Attributes:
        name: How it is called among the others.
        folder: Where it is.
        recipe: Settings, nested.
        environment: The parsed `environment.json`.
        metrics: The parsed `metrics.json`.
        history: A row an epoch.
        data: A row a picture: `locator`, `label`, `split`, `status`, `content`.
        predictions: A row an answer: `locator`, `split`, `label`, `predicted`, `probabilities`.
        classes: In the order of the probabilities.
    """

    name: str
    folder: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: pd.DataFrame
    data: pd.DataFrame
    predictions: pd.DataFrame
    classes: tuple[str, ...]


# As `score` and Keras clip probabilities before they take their logarithm.
_EPSILON = 1e-7
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs on the pictures that both have judged.

    Differences are the second less the first; intervals hold 95 %, from a paired bootstrap.

    Attributes:
        first: A run's name.
        second: The other's.
        both_right: Pictures that both answer rightly.
        only_first: Pictures that only the first answers rightly.
        only_second: Pictures that only the second answers rightly.
        both_wrong: Pictures that neither does.
        accuracy_difference: From -1 to 1.
        accuracy_interval: Its interval.
        loss_difference: Of the mean cross-entropy, in nats; below 0 the second is better.
        loss_interval: Its interval.
        p: McNemar's exact test: how likely such a difference is were both equally good.
        p_holm: The same, corrected for the count of pairs.
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
        """Whether chance alone would give this in fewer than one of twenty comparisons."""
        return self.p_holm < _SIGNIFICANT

    @property
    def sentence(self) -> str:
        """The result in words."""
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
        notes: What was left out, and why.
        pairs: The comparisons; empty where there is nothing in common.
    """

    split: str
    count: int
    notes: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def to_json(self) -> dict[str, Any]:
        """The record for machines; see docs/formats.md."""
        pairs = [{**asdict(one), "told_apart": one.is_told_apart} for one in self.pairs]
        return {"split": self.split, "count": self.count, "notes": list(self.notes), "pairs": pairs}


def paired_split(records: Sequence[RunRecord], split: str) -> PairedSplit:
    """Compare every two runs on the pictures of `split` that all of them have judged.

    Pictures are the same where their bytes are (`content`), whatever their names. Copies of one
    picture count once, because they are no independent witnesses.
    """
    answers = [_answers(record, split) for record in records]
    common = answers[0].index
    for table in answers[1:]:
        common = common.intersection(table.index)
    common = common.sort_values()
    labels = pd.concat([table.loc[common, "label"] for table in answers], axis=1)
    is_agreed = labels.nunique(axis=1).to_numpy() == 1
    notes = _notes(records, answers, len(common), int((~is_agreed).sum()), split)
    common = common[is_agreed]
    if not len(common):
        return PairedSplit(split, 0, notes, ())
    shared = [table.loc[common] for table in answers]
    pairs = [
        _compared((records[one], records[other]), (shared[one], shared[other]))
        for one, other in combinations(range(len(records)), 2)
    ]
    corrected = holm([pair["p"] for pair in pairs])
    made = (Pair(**pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True))
    return PairedSplit(split, len(common), notes, tuple(made))


def _answers(record: RunRecord, split: str) -> pd.DataFrame:
    """A row a picture of the split, by content: `label`, `right`, `loss`."""
    rows = record.predictions[record.predictions["split"] == split]
    content = record.data.set_index("locator")["content"]
    position = pd.Index(record.classes).get_indexer(pd.Index(rows["label"]))
    shares = np.array([list(one) for one in rows["probabilities"]], np.float64)
    shares = shares.reshape(len(rows), len(record.classes))
    of_truth = np.where(position >= 0, shares[np.arange(len(rows)), position], 0.0)
    table = pd.DataFrame(
        {
            "content": rows["locator"].map(content).to_numpy(),
            "label": rows["label"].to_numpy(),
            "right": (rows["label"] == rows["predicted"]).to_numpy(),
            "loss": -np.log(np.clip(of_truth, _EPSILON, 1 - _EPSILON)),
        }
    )
    return table.drop_duplicates("content").set_index("content")


def _compared(
    records: tuple[RunRecord, RunRecord], tables: tuple[pd.DataFrame, pd.DataFrame]
) -> dict[str, Any]:
    first, second = (table["right"].to_numpy(bool) for table in tables)
    losses = tables[1]["loss"].to_numpy() - tables[0]["loss"].to_numpy()
    lead = second.astype(np.float64) - first
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return {
        "first": records[0].name,
        "second": records[1].name,
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
    records: Sequence[RunRecord],
    answers: Sequence[pd.DataFrame],
    common: int,
    disputed: int,
    split: str,
) -> tuple[str, ...]:
    notes = []
    for record, table in zip(records, answers, strict=True):
        judged = int((record.predictions["split"] == split).sum())
        if judged > len(table):
            notes.append(f"{record.name}: {judged - len(table):,} copies of others count once.")
        if len(table) > common:
            notes.append(
                f"{record.name}: {len(table) - common:,} of its {len(table):,} {split} pictures "
                "are not among the others' and are left out."
            )
    if not common:
        notes.append(f"The runs have no {split} picture in common: nothing can be tested.")
    if disputed:
        notes.append(f"{disputed:,} pictures have another label in another run: left out.")
    return tuple(notes)
