"""What the run is worth in a few plain sentences, and how far to believe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from viewfinder.pages.parts.words import counted, number, percent, percent_range
from viewfinder.pages.plots import short_name
from viewfinder.pages.report.material import ReportMaterial

_SURE = 0.9
# Of fewer, one says nothing.
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Note:
    """A remark beside the figure.

    Attributes:
        kind: "caution" where the figure should be believed less, "fact" otherwise.
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
        baseline: What always giving one answer would reach, in one sentence, or "".
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


def verdict(material: ReportMaterial) -> Verdict:
    """Judge a run by the most independent split that was scored."""
    scores, split = material.headline, material.headline_split
    notes = [*_cautions(material), *_facts(material)]
    if scores is None:
        return Verdict("No pictures were scored.", "", None, None, None, tuple(notes))
    low, high = scores["accuracy_interval"]
    seen = _how_new(material)
    sentence = (
        f"Right on {percent(scores['accuracy'])} of {number(scores['count'])} {split} "
        f"{'picture' if scores['count'] == 1 else 'pictures'}{seen} "
        f"(95\N{NO-BREAK SPACE}% interval {percent_range(low, high)})."
    )
    name, guess = _largest_class(material)
    baseline = f"Always answering “{name}” would be right on {percent(guess)} of them."
    if low <= guess:
        notes.insert(0, _not_better(name, guess))
    return Verdict(sentence, baseline, scores["accuracy"], (low, high), guess, tuple(notes))


def _how_new(material: ReportMaterial) -> str:
    if material.headline_split == "train":
        return " it was trained on"
    if material.headline and material.headline.get("leaks"):
        return ", of which training knows some,"
    if material.headline_split == material.steered_by:
        return " it was not trained on"
    return " it had never seen"


def _largest_class(material: ReportMaterial) -> tuple[str, float]:
    """The class that is largest in training, and its share of the scored pictures.

    Someone who guesses knows the training pictures only, so those say which class to guess.
    """
    assert material.headline is not None
    support = {one["name"]: one["support"] for one in material.headline["per_class"]}
    usable = material.usable
    counts = usable.loc[usable["split"] == "train", "label"].value_counts().to_dict()
    known = {name: counts.get(name, 0) for name in support}
    # Of equally large classes, the one that guesses best here is the fairer opponent.
    name = max(support, key=lambda one: (known[one], support[one]))
    return short_name(name, 60), support[name] / max(1, material.headline["count"])


def _not_better(name: str, guess: float) -> Note:
    return Note(
        "caution",
        "Not clearly better than guessing",
        f"The interval reaches down to what always answering “{name}” gives ({percent(guess)}). "
        "More test pictures would narrow it; more training might lift it.",
    )


def _cautions(material: ReportMaterial) -> list[Note]:
    notes = []
    split = material.headline_split
    if material.interrupted:
        done = counted(len(material.history), "epoch")
        text = f"Training was stopped after {done}; it might have got better."
        notes.append(Note("caution", "The run was interrupted", text))
    if split == "train":
        text = "These are the pictures it learned from. Keep some apart to learn how good it is."
        notes.append(Note("caution", "This says nothing about new pictures", text))
    elif split is not None and split == material.steered_by:
        text = f"The best epoch was chosen by these same {split} pictures, so the figure is "
        text += "somewhat too good."
        if split == "validation":
            text += " There is no test split; --test 0.2 sets one aside for an honest figure."
        notes.append(Note("caution", "An optimistic figure", text))
    judging = ((one, material.metrics.get(one)) for one in ("test", "validation"))
    notes += [_leaks(one, scores) for one, scores in judging if scores and scores.get("leaks")]
    return notes


def _leaks(split: str, scores: Mapping[str, Any]) -> Note:
    """Pictures that judge and that training knows."""
    counts, without = scores["leaks"], scores["without_leaks"]
    text = f"{number(sum(counts.values()))} of {counted(scores['count'], f'{split} picture')} "
    text += f"are in training, too ({number(counts['exact'])} exactly, "
    text += f"{number(counts['near'])} nearly). "
    if without is None:
        text += "No other picture judges."
    else:
        low, high = without["accuracy_interval"]
        text += f"Without them it is right on {percent(without['accuracy'])} of "
        text += f"{number(without['count'])} (95\N{NO-BREAK SPACE}% interval "
        text += f"{percent_range(low, high)})."
    return Note("caution", "Pictures leak", text)


def _facts(material: ReportMaterial) -> list[Note]:
    notes = []
    scores = material.metrics
    if material.headline_split == "test" and material.steered_by not in ("test", ""):
        text = f"The best epoch was chosen by the {material.steered_by} pictures; the test "
        text += "pictures had no part in training or choosing."
        if chosen_by := scores.get(material.steered_by):
            low, high = chosen_by["accuracy_interval"]
            text += (
                f" On the {material.steered_by} pictures it is {percent(chosen_by['accuracy'])} "
                f"({percent_range(low, high)}), an optimistic figure."
            )
        notes.append(Note("fact", "An independent test", text))
    if material.headline and material.headline_split != "train" and scores.get("train"):
        train, here = scores["train"]["accuracy"], material.headline["accuracy"]
        text = f"It is right on {percent(train)} of the pictures it was trained on, against "
        text += f"{percent(here)} here."
        notes.append(Note("fact", "How much is learnt by heart", text))
    if twice := scores.get("flipped", {}).get(material.headline_split):
        text = "The mean of its answers to each picture and its mirror image is right on "
        text += f"{percent(twice['accuracy'])}. That takes twice the time; predict does not do it."
        notes.append(Note("fact", "Asked twice", text))
    answers = material.answers
    sure = answers[answers["confidence"] >= _SURE]
    if len(sure) >= _ENOUGH:
        right = int((sure["label"] == sure["predicted"]).sum())
        text = f"Where it was at least 90\N{NO-BREAK SPACE}% sure ({number(len(sure))} of "
        text += (
            f"{counted(len(answers), 'picture')}), it was right on {percent(right / len(sure))}."
        )
        is_right = right / len(sure) >= _SURE
        notes.append(Note("fact" if is_right else "caution", "When it is sure", text))
    return notes
