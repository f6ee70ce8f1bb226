"""Rules about classes that the model never predicts."""

from collections.abc import Iterator

import numpy as np

from viewfinder.core.shares import wilson_interval
from viewfinder.core.words import percent
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, between, plural, quoted
from viewfinder.evaluation.significance import difference_interval

_FEWEST_PICTURES = 5
_UNEVEN = 3.0
# The least drop of accuracy, from training to evaluation, that points to batch norm.
_LOST = 0.2
# The least distance of a class's recall from that of the other classes.
_FAR_BELOW = 0.2


def one_answer(case: Case) -> Iterator[Verdict]:
    """Report that every picture has the same prediction."""
    counts, names = _confusion(case)
    predicted = np.flatnonzero(counts.sum(axis=0))
    if len(names) < 2 or len(predicted) != 1 or counts.sum() < _FEWEST_PICTURES:
        return
    name = names[predicted[0]]
    correct, count = int(counts[predicted[0], predicted[0]]), int(counts.sum())
    interval = wilson_interval(correct, count)
    sentence = f"The model predicts “{name}” for every picture."
    because = (
        f"All {count:,} {case.held_out} pictures have this prediction; it is correct for "
        f"{percent(correct / count)} of them ({between(interval)})."
    )
    evidence = {
        "answer": name,
        "count": count,
        "accuracy": correct / count,
        "interval": list(interval),
    }
    tries = (
        *case.find_rate("a learning rate that is far too high has this effect"),
        *_balance(case),
        *case.more_epochs("more steps, if there were few"),
    )
    if tries and _averages_lag(case):
        because += (
            " The training accuracy was higher: the averages of batch norm do not fit the weights "
            "yet, as after too few steps."
        )
        tries = (*tries[-1:], *tries[:-1])
    yield Verdict("majority-only", Severity.ERROR, sentence, because, evidence, tries)


def collapsed(case: Case) -> Iterator[Verdict]:
    """Report classes that have pictures and are never predicted."""
    counts, names = _confusion(case)
    if not len(names):
        return
    pictures, predicted = counts.sum(axis=1), counts.sum(axis=0)
    never = [
        index
        for index in range(len(names))
        if pictures[index] >= _FEWEST_PICTURES and not predicted[index]
    ]
    if not never:
        return
    never.sort(key=lambda index: -pictures[index])
    worst = never[0]
    most = wilson_interval(0, int(pictures[worst]))[1]
    sentence = f"The model never predicts {quoted([names[index] for index in never])}."
    because = (
        f"None of the {plural(int(pictures[worst]), 'picture')} of “{names[worst]}” was found; "
        f"the recall on new pictures is at most {percent(most)} (95\N{NO-BREAK SPACE}% limit)."
    )
    evidence = {
        "classes": [names[index] for index in never],
        "pictures": [int(pictures[index]) for index in never],
        "recall_at_most": most,
    }
    tries = (*_balance(case), Try("viewfinder audit DATA", "finds wrong labels"))
    yield Verdict("class-collapse", Severity.WARNING, sentence, because, evidence, tries)


def weak(case: Case) -> Iterator[Verdict]:
    """Report classes whose recall is surely far below that of the others."""
    counts, names = _confusion(case)
    if len(names) < 2:
        return
    pictures, right, predicted = counts.sum(axis=1), np.diag(counts), counts.sum(axis=0)

    def is_weak(index: int) -> bool:
        others = int(right.sum() - right[index]), int(pictures.sum() - pictures[index])
        own = int(right[index]), int(pictures[index])
        if own[1] < _FEWEST_PICTURES or not others[1] or not predicted[index]:
            return False
        return 2 * own[0] < own[1] and difference_interval(others, own)[0] > _FAR_BELOW

    found = sorted(
        filter(is_weak, range(len(names))), key=lambda index: right[index] / pictures[index]
    )
    if not found:
        return
    worst = found[0]
    wrong = counts[worst].copy()
    wrong[worst] = 0
    recall = right[worst] / pictures[worst]
    interval = wilson_interval(int(right[worst]), int(pictures[worst]))
    sentence = f"The model misses most pictures of {quoted([names[index] for index in found])}."
    because = (
        f"The recall of “{names[worst]}” is {percent(recall)} ({between(interval)}): of "
        f"{plural(int(pictures[worst]), 'picture')}, {int(right[worst]):,} "
        f"{'is' if right[worst] == 1 else 'are'} found, and {int(wrong.max()):,} are taken for "
        f"“{names[int(wrong.argmax())]}”. The accuracy on all pictures is "
        f"{percent(right.sum() / pictures.sum())}."
    )
    evidence = {
        "classes": [names[index] for index in found],
        "recalls": [float(right[index] / pictures[index]) for index in found],
    }
    tries = (*_balance(case), Try("viewfinder audit DATA", "finds wrong labels"))
    yield Verdict("weak-class", Severity.WARNING, sentence, because, evidence, tries)


def _confusion(case: Case) -> tuple[np.ndarray, list[str]]:
    if case.held_out is None:
        return np.zeros((0, 0), int), []
    scores = case.scores[case.held_out]
    return np.asarray(scores["confusion"]), [record["name"] for record in scores["per_class"]]


def _balance(case: Case) -> tuple[Try, ...]:
    sizes = [count for count in case.class_counts.values() if count]
    is_balanced = case.setup.balance != "none" or case.setup.solved
    if is_balanced or not sizes or max(sizes) < _UNEVEN * min(sizes):
        return ()
    why = f"classes have from {min(sizes):,} to {max(sizes):,} training pictures"
    return (Try("--set training.balance=weights", why),)


def _averages_lag(case: Case) -> bool:
    accuracy, trained = case.curve("accuracy"), case.correct("train")
    if not len(accuracy) or trained is None:
        return False
    return bool(accuracy[-1] - trained[0] / trained[1] > _LOST)
