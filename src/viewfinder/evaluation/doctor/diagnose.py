"""From a case to its verdicts, the worst first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from viewfinder.evaluation.doctor import answers, fit, gap, rates, units, validation
from viewfinder.evaluation.doctor import gap as lost
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Verdict

Rule = Callable[[Case], Iterator[Verdict]]

# Of two verdicts that matter alike, the one whose rule stands first comes first.
RULES: tuple[Rule, ...] = (
    rates.diverged,
    units.exploding,
    answers.one_answer,
    validation.leaks,
    fit.overfitting,
    rates.too_high,
    rates.too_low,
    fit.cut_short,
    lost.worse_than_trained,
    fit.underfitting,
    answers.collapsed,
    fit.still_improving,
    gap.clear_gap,
    validation.easier,
    validation.noisy,
    validation.small,
    units.dead,
    validation.optimistic,
    fit.too_short,
)

# What follows from a verdict is no finding of its own.
_EXPLAINS: dict[str, set[str]] = {
    "diverged": {
        "exploding-units",
        "overfitting",
        "generalization-gap",
        "underfitting",
        "cut-short",
        "still-improving",
        "lr-too-high",
        "lr-too-low",
        "validation-noisy",
        "validation-easier",
        "majority-only",
        "worse-than-trained",
        "class-collapse",
        "dead-units",
    },
    "majority-only": {
        "worse-than-trained",
        "underfitting",
        "class-collapse",
        "validation-noisy",
        "still-improving",
    },
    "lr-too-low": {"underfitting", "still-improving", "class-collapse"},
    "lr-too-high": {"validation-noisy", "worse-than-trained"},
    "cut-short": {"still-improving", "validation-noisy"},
    # A kept model that knows little, from a training that went on to learn by heart.
    "overfitting": {"still-improving", "underfitting", "generalization-gap"},
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor says of a training.

    Attributes:
        verdicts: The worst first; never empty.
        unseen: What could not be looked at, in words.
    """

    verdicts: tuple[Verdict, ...]
    unseen: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity:
        """The severity of the first verdict."""
        return self.verdicts[0].severity

    @property
    def codes(self) -> list[str]:
        """The verdicts' codes, in their order."""
        return [one.code for one in self.verdicts]

    def to_json(self) -> dict[str, Any]:
        """The content of `doctor.json`; see docs/formats.md."""
        return {
            "schema": 1,
            "verdicts": [one.to_json() for one in self.verdicts],
            "unseen": list(self.unseen),
        }


def diagnose(case: Case) -> Diagnosis:
    """Ask every rule, leave out what another verdict explains, and put the worst first."""
    found = [verdict for rule in RULES for verdict in rule(case)]
    explained = set().union(*(_EXPLAINS.get(one.code, set()) for one in found))
    left = [one for one in found if one.code not in explained]
    unseen = _unseen(case)
    if not any(one.severity in (Severity.ERROR, Severity.WARNING) for one in left):
        left.append(_healthy(unseen, is_short=any(one.code == "too-short" for one in left)))
    left.sort(key=lambda one: (one.code != "healthy", one.severity.rank))
    return Diagnosis(tuple(left), tuple(unseen))


def _healthy(unseen: Sequence[str], *, is_short: bool) -> Verdict:
    if is_short:
        sentence = "Nothing wrong was found, but it was trained too briefly to call it healthy."
    elif unseen:
        sentence = "Nothing wrong was found, as far as could be looked."
    else:
        sentence = "Healthy: none of the doctor's rules finds anything wrong."
    return Verdict("healthy", Severity.GOOD, sentence, evidence={"rules": len(RULES)})


def _unseen(case: Case) -> list[str]:
    solved = case.setup.solved  # without steps there are no curves, and no units that they moved
    offers = [
        (solved or len(case.curve("val_loss")) > 0, "validation curves"),
        ("train" in case.scores, "the kept model's answers to the training pictures"),
        (case.judged is not None, "answers to other pictures"),
        (case.copies is not None, "copies across splits"),
        (solved or case.units is not None, "the units' activations"),
    ]
    return [what for is_there, what in offers if not is_there]
