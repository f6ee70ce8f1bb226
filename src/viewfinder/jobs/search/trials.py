"""The trials of a search: each candidate's answers, and which of two candidates is better."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from viewfinder.core.pairs import beats, on_one_only
from viewfinder.core.words import percent
from viewfinder.run_folder.files import TrialRecord

# Trainings that ended so are no candidates, and replace no other.
_NO_CANDIDATE = {
    "behind": "stopped: too far behind",
    "not kept": "fine-tuning did not help, and is not kept",
}


class Trial(TrialRecord):
    """A trial that can be told in words."""

    def in_words(self, before: str | None) -> str:
        """The trial as a line; `before` is the best candidate before it."""
        line = f"{self.name}: {self.right:,} of {self.count:,} right ({percent(self.accuracy)})"
        if self.folds is not None:
            line += f", {percent(self.folds)} on folds of the training pictures"
        if before is None:
            return f"{line}."
        if self.ended in _NO_CANDIDATE:
            return f"{line}; {_NO_CANDIDATE[self.ended]}."
        verdict = "better" if self.is_better else "not better by more than chance"
        return (
            f"{line}; right on {self.only_it} that {before} misses, wrong on {self.only_before} "
            f"that it knows: {verdict}."
        )


def could_be_beaten(wrong: int) -> bool:
    """Whether a better candidate could be told from one that is wrong on so few pictures."""
    return beats(wrong, 0)


def right_by_picture(predictions: pd.DataFrame, split: str) -> pd.Series:
    """Whether each picture of a split was answered rightly, by locator."""
    rows = predictions[predictions["split"] == split].set_index("locator")
    return rows["predicted"] == rows["label"]


def judged(right: pd.Series, before: pd.Series | None, **facts: Any) -> Trial:
    """A trial from its answers.

    Args:
        right: Whether it answers each picture rightly, by locator.
        before: The same of the best candidate so far, on some or all of these pictures; None for
            the first candidate.
        facts: The other attributes of the trial.
    """
    only_it = only_before = 0
    is_better = True
    if before is not None:
        right = right.reindex(before.index).fillna(False).astype(bool)
        only_it, only_before = on_one_only(right, before)
        is_better = facts["ended"] not in _NO_CANDIDATE and beats(only_it, only_before)
    return Trial(
        count=len(right),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        only_it=only_it,
        only_before=only_before,
        is_better=is_better,
        **facts,
    )


def reason(trials: Sequence[Trial], chosen: str, left_out: Sequence[str] = ()) -> str:
    """Why this candidate was chosen, and for which the memory was too small, as a sentence."""
    best = next(trial for trial in trials if trial.name == chosen)
    others = [f"{trial.name} {trial.right:,}" for trial in trials if trial is not best]
    sentence = f"{chosen} answers {best.right:,} of {best.count:,} pictures rightly"
    if not could_be_beaten(best.count - best.right):
        return f"{sentence}: nothing better could be shown on them."
    if others:
        sentence += f" ({', '.join(others)})"
    if left_out:
        sentence += f"; the memory is too small for {' and '.join(left_out)}"
    return f"{sentence}."
