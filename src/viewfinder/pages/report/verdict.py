"""The result of a run in a few sentences, and what limits it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from viewfinder.data.contradictions import contradicting, in_words
from viewfinder.pages.parts.words import counted, number, percent, percent_range, short_name
from viewfinder.pages.report.report import Report

_SURE = 0.9
# A share of fewer pictures is too uncertain to show.
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Note:
    """A remark beside the figure.

    Attributes:
        kind: "caution" where the accuracy is less reliable than it looks, "fact" otherwise.
        title: The remark in a few words.
        text: Why, and what to do.
    """

    kind: Literal["caution", "fact"]
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The top of the page.

    Attributes:
        sentence: The result in one sentence.
        baseline: The accuracy of always giving one answer, in one sentence, or "".
        accuracy: 0 to 1, or None when nothing was scored.
        interval: The 95 % interval of the accuracy, or None.
        guess: The baseline as a share, or None.
        notes: Remarks, cautions first.
    """

    sentence: str
    baseline: str
    accuracy: float | None
    interval: tuple[float, float] | None
    guess: float | None
    notes: tuple[Note, ...]


def verdict(report: Report) -> Verdict:
    """Return the verdict on a run, by the most independent split that was scored."""
    scores = report.headline
    notes = [*_cautions(report), *_facts(report)]
    if scores is None:
        return Verdict("No pictures were scored.", "", None, None, None, tuple(notes))
    low, high = scores["accuracy_interval"]
    sentence = (
        f"Classifies {percent(scores['accuracy'])} of {_pictures(report, scores['count'])} "
        f"correctly (95\N{NO-BREAK SPACE}% interval {percent_range(low, high)})."
    )
    name, guess = _largest_class(report)
    baseline = f"Always answering “{name}” would be correct for {percent(guess)} of them."
    if low <= guess:
        notes.insert(0, _not_better(name, guess))
    return Verdict(sentence, baseline, scores["accuracy"], (low, high), guess, tuple(notes))


def _pictures(report: Report, count: int) -> str:
    """The scored pictures, and whether training used them: "359 unseen test pictures"."""
    split = report.headline_split
    if split == "train":
        return f"its {counted(count, 'training picture')}"
    pictures = counted(count, f"{split} picture")
    if leaks := report.headline and report.headline.get("leaks"):
        which = "all" if sum(leaks.values()) == count else "some"
        return f"{pictures}, {which} of which are also in training,"
    if split == "validation":
        return f"{pictures} outside training"
    return counted(count, f"unseen {split} picture")


def _largest_class(report: Report) -> tuple[str, float]:
    """The class that is largest in training, and its share of the scored pictures.

    A guesser knows the training pictures only, so these decide which class to guess.
    """
    assert report.headline is not None
    support = {one["name"]: one["support"] for one in report.headline["per_class"]}
    usable = report.usable
    counts = usable.loc[usable["split"] == "train", "label"].value_counts().to_dict()
    known = {name: counts.get(name, 0) for name in support}
    # Of equally large classes, the one with most scored pictures is the stronger baseline.
    name = max(support, key=lambda label: (known[label], support[label]))
    return short_name(name, 60), support[name] / max(1, report.headline["count"])


def _not_better(name: str, guess: float) -> Note:
    return Note(
        "caution",
        "Not clearly better than guessing",
        f"The interval includes the accuracy of always answering “{name}” ({percent(guess)}). "
        "More test pictures would narrow the interval; more training may raise the accuracy.",
    )


def _cautions(report: Report) -> list[Note]:
    notes = []
    split = report.headline_split
    if report.timing["interrupted"]:
        done = counted(len(report.history), "epoch")
        text = f"Training was stopped after {done}; more epochs may have improved the model."
        notes.append(Note("caution", "The run was interrupted", text))
    if split == "train":
        text = "These are the training pictures. Set some apart to measure accuracy on new ones."
        notes.append(Note("caution", "This says nothing about new pictures", text))
    elif split == "validation" and report.decisions:
        text = f"These same pictures chose {_chosen(report)}, so the accuracy is somewhat too "
        text += "high. There is no test split; --test 0.2 sets one aside for an unbiased estimate."
        notes.append(Note("caution", "An optimistic estimate", text))
    evaluated = ((name, report.metrics.get(name)) for name in ("test", "validation"))
    notes += [_leaks(name, scores) for name, scores in evaluated if scores and scores.get("leaks")]
    return [*notes, *_contradictions(report)]


def _chosen(report: Report) -> str:
    return ", and ".join(report.decisions)


def _contradictions(report: Report) -> list[Note]:
    """The note on exact copies under different labels."""
    wrong = contradicting(report.usable)
    if wrong.empty:
        return []
    data = shlex.quote(str(report.source))
    text = f"{in_words(wrong)} viewfinder audit {data} lists them all, and viewfinder clean {data} "
    text += "leaves them out of a saved dataset."
    return [Note("caution", "Contradicting labels", text)]


def _leaks(split: str, scores: Mapping[str, Any]) -> Note:
    """The note on pictures of a split that are also in training."""
    counts, without = scores["leaks"], scores["without_leaks"]
    text = f"{number(sum(counts.values()))} of {counted(scores['count'], f'{split} picture')} "
    text += f"are also in training ({number(counts['exact'])} exactly, "
    text += f"{number(counts['near'])} nearly). "
    if without is None:
        text += "No other pictures are left to evaluate on."
    else:
        low, high = without["accuracy_interval"]
        text += f"Without them, {percent(without['accuracy'])} of "
        text += f"{number(without['count'])} are classified correctly (95\N{NO-BREAK SPACE}% "
        text += f"interval {percent_range(low, high)})."
    return Note("caution", "Leaking pictures", text)


def _facts(report: Report) -> list[Note]:
    notes = []
    scores = report.metrics
    if report.headline_split == "test" and report.decisions:
        text = f"The validation pictures chose {_chosen(report)}; neither training nor this choice "
        text += "used the test pictures."
        if chosen_by := scores.get("validation"):
            low, high = chosen_by["accuracy_interval"]
            text += (
                " On the validation pictures, the accuracy is optimistic: "
                f"{percent(chosen_by['accuracy'])} ({percent_range(low, high)})."
            )
        notes.append(Note("fact", "An independent test", text))
    if report.headline and report.headline_split != "train" and scores.get("train"):
        train, here = scores["train"]["accuracy"], report.headline["accuracy"]
        text = f"The accuracy on the training pictures is {percent(train)}, against "
        text += f"{percent(here)} here. "
        if probe := report.probe:
            text += "A linear head may fit all of its training pictures without overfitting: on "
            text += f"folds of them, its accuracy is {percent(probe['accuracy'])}."
        else:
            text += "A much higher one means overfitting."
        notes.append(Note("fact", "Accuracy on training pictures", text))
    if twice := scores.get("flipped", {}).get(report.headline_split):
        text = "Averaging the answers to each picture and its mirror image gives an accuracy of "
        text += f"{percent(twice['accuracy'])}. That doubles the time; predictions do not do it."
        notes.append(Note("fact", "With mirrored pictures", text))
    answers = report.answers
    sure = answers[answers["confidence"] >= _SURE]
    if len(sure) >= _ENOUGH:
        right = int((sure["label"] == sure["predicted"]).sum())
        text = "Of the answers with a confidence of 90\N{NO-BREAK SPACE}% or more "
        text += f"({number(len(sure))} of {number(len(answers))}), {percent(right / len(sure))} "
        text += "are correct."
        is_right = right / len(sure) >= _SURE
        notes.append(Note("fact" if is_right else "caution", "Confident answers", text))
    return notes
