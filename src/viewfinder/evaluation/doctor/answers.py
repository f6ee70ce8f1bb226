"""Classes that are never the answer."""

from collections.abc import Iterator

import numpy as np

from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, between, percent, plural
from viewfinder.evaluation.evaluate import wilson_interval

_FEWEST_PICTURES = 5
_UNEVEN = 3.0
_MOST_NAMES = 5
# What the model shows in training and not when it is judged.
_LOST = 0.2


def one_answer(case: Case) -> Iterator[Verdict]:
    """Every picture gets the same answer."""
    counts, names = _confusion(case)
    answered = np.flatnonzero(counts.sum(axis=0))
    if len(names) < 2 or len(answered) != 1 or counts.sum() < _FEWEST_PICTURES:
        return
    name = names[answered[0]]
    right, count = int(counts[answered[0], answered[0]]), int(counts.sum())
    interval = wilson_interval(right, count)
    sentence = f"It answers “{name}” to every picture: it has learnt no difference."
    because = (
        f"All {count:,} {case.judged} pictures got this answer; {percent(right / count)} of them "
        f"are so ({between(interval)})."
    )
    evidence = {
        "answer": name,
        "count": count,
        "accuracy": right / count,
        "interval": list(interval),
    }
    tries = (
        *_rate(case),
        *_balance(case),
        *case.setup.more_epochs("a few steps more, if they were few"),
    )
    if _averages_lag(case):
        because += (
            " While it trained it did better: batch norm's averages do not fit the weights yet, "
            "as after too few steps."
        )
        tries = (*tries[-1:], *tries[:-1])
    yield Verdict("majority-only", Severity.ERROR, sentence, because, evidence, tries)


def collapsed(case: Case) -> Iterator[Verdict]:
    """Some classes have pictures and are never the answer."""
    counts, names = _confusion(case)
    if not len(names):
        return
    held, answered = counts.sum(axis=1), counts.sum(axis=0)
    never = [
        place
        for place in range(len(names))
        if held[place] >= _FEWEST_PICTURES and not answered[place]
    ]
    if not never:
        return
    never.sort(key=lambda place: -held[place])
    listed = ", ".join(f"“{names[place]}”" for place in never[:_MOST_NAMES])
    more = f" and {len(never) - _MOST_NAMES} more" if len(never) > _MOST_NAMES else ""
    worst = never[0]
    most = wilson_interval(0, int(held[worst]))[1]
    sentence = f"It never answers {listed}{more}."
    because = (
        f"None of the {plural(int(held[worst]), 'picture')} of “{names[worst]}” was found; of new "
        f"ones it would find at most {percent(most)} (95\N{NO-BREAK SPACE}% limit)."
    )
    evidence = {
        "classes": [names[place] for place in never],
        "pictures": [int(held[place]) for place in never],
        "recall_at_most": most,
    }
    tries = (*_balance(case), Try("viewfinder audit DATA", "are its labels right?"))
    yield Verdict("class-collapse", Severity.WARNING, sentence, because, evidence, tries)


def _confusion(case: Case) -> tuple[np.ndarray, list[str]]:
    if case.judged is None:
        return np.zeros((0, 0), int), []
    scores = case.scores[case.judged]
    return np.asarray(scores["confusion"]), [one["name"] for one in scores["per_class"]]


def _balance(case: Case) -> tuple[Try, ...]:
    sizes = [count for count in case.class_counts.values() if count]
    is_balanced = case.setup.balance != "none" or case.setup.solved
    if is_balanced or not sizes or max(sizes) < _UNEVEN * min(sizes):
        return ()
    why = f"classes have from {min(sizes):,} to {max(sizes):,} training pictures"
    return (Try("--set training.balance=weights", why),)


def _rate(case: Case) -> tuple[Try, ...]:
    why = "a learning rate far too high does this"
    return () if case.setup.solved else (Try("viewfinder lr-find DATA", why),)


def _averages_lag(case: Case) -> bool:
    accuracy, trained = case.curve("accuracy"), case.right("train")
    if not len(accuracy) or trained is None:
        return False
    return bool(accuracy[-1] - trained[0] / trained[1] > _LOST)
