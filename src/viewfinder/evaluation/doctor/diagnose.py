"""Application of all rules to a case."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from viewfinder.evaluation.doctor import answers, fit, gap, pace, rates, series, units, validation
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Verdict
from viewfinder.run_folder import RunFolder

Rule = Callable[[Case], Iterator[Verdict]]

# Verdicts of equal severity are in the order of their rules.
RULES: tuple[Rule, ...] = (
    rates.diverged,
    units.exploding,
    answers.one_answer,
    validation.leaks,
    validation.contradictions,
    series.torn,
    fit.too_short,
    fit.overfitting,
    rates.too_high,
    rates.too_low,
    fit.cut_short,
    gap.worse_than_trained,
    fit.underfitting,
    answers.collapsed,
    answers.weak,
    fit.still_improving,
    gap.clear_gap,
    gap.unlike,
    validation.easier,
    validation.noisy,
    validation.small,
    units.dead,
    validation.optimistic,
    fit.not_kept,
    pace.limited,
)

# The verdicts that need some training before they say anything of the recipe.
_OF_A_FIT = {
    "majority-only",
    "underfitting",
    "worse-than-trained",
    "class-collapse",
    "weak-class",
    "dead-units",
    "validation-easier",
    "lr-too-high",
    "lr-too-low",
}

# By code, the verdicts that are consequences of this one and are left out.
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
        "weak-class",
        "dead-units",
    },
    "majority-only": {
        "worse-than-trained",
        "underfitting",
        "class-collapse",
        "validation-noisy",
        "still-improving",
    },
    "lr-too-low": {"underfitting", "still-improving", "class-collapse", "weak-class"},
    "lr-too-high": {"validation-noisy", "worse-than-trained"},
    "cut-short": {"still-improving", "validation-noisy"},
    # The best epoch may be an early one, whose model still underfits.
    "overfitting": {"still-improving", "underfitting", "generalization-gap"},
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The doctor's verdicts on a training.

    Attributes:
        verdicts: The verdicts, the worst first; never empty.
        unseen: What could not be examined, in words.
    """

    verdicts: tuple[Verdict, ...]
    unseen: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity:
        """The severity of the first verdict."""
        return self.verdicts[0].severity

    @property
    def codes(self) -> list[str]:
        """The codes of the verdicts, in their order."""
        return [verdict.code for verdict in self.verdicts]

    def to_copy(self, run: RunFolder) -> "Diagnosis":
        """Return the diagnosis with the run's data and folder in the commands, to be copied."""
        data = Path(str(run.source))
        saved = f"{data.resolve().name.partition('.')[0] or 'data'}.dataset"
        saved = saved.replace(".dataset", "-2.dataset") if saved == data.name else saved
        names = {"DATA": str(data), "RUN": str(run), "NAME.dataset": saved}

        def named(flag: str) -> str:
            return re.sub(
                r"\b(DATA|RUN|NAME\.dataset)\b", lambda found: shlex.quote(names[found[0]]), flag
            )

        verdicts = (
            replace(
                verdict, tries=tuple(replace(one, flag=named(one.flag)) for one in verdict.tries)
            )
            for verdict in self.verdicts
        )
        return replace(self, verdicts=tuple(verdicts))

    def to_json(self) -> dict[str, Any]:
        """Return the content of `doctor.json`; see docs/formats.md."""
        return {
            "schema": 1,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "unseen": list(self.unseen),
        }


def diagnose(case: Case) -> Diagnosis:
    """Apply every rule, leave out consequences of other verdicts, and sort by severity."""
    found = [verdict for rule in RULES for verdict in rule(case)]
    explained = set().union(*(_EXPLAINS.get(verdict.code, set()) for verdict in found))
    if case.is_barely_trained:
        explained |= _OF_A_FIT
    kept = [verdict for verdict in found if verdict.code not in explained]
    unseen = _unseen(case)
    if not any(verdict.severity in (Severity.ERROR, Severity.WARNING) for verdict in kept):
        is_short = any(verdict.code == "too-short" for verdict in kept)
        kept.append(_healthy(unseen, is_short=is_short))
    kept.sort(key=lambda verdict: (verdict.code != "healthy", verdict.severity.rank))
    return Diagnosis(tuple(kept), tuple(unseen))


def _healthy(unseen: Sequence[str], *, is_short: bool) -> Verdict:
    if is_short:
        sentence = "No problem was found, but the training was too short to be called healthy."
    elif unseen:
        sentence = "No problem was found, but not everything could be examined."
    else:
        sentence = "Healthy: none of the doctor's rules finds a problem."
    return Verdict("healthy", Severity.GOOD, sentence, evidence={"rules": len(RULES)})


def _unseen(case: Case) -> list[str]:
    solved = case.setup.solved  # without steps there are no curves and no trained units
    examined = [
        (solved or len(case.curve("val_loss")) > 0, "validation curves"),
        ("train" in case.scores, "the kept model's predictions on the training pictures"),
        (case.held_out is not None, "predictions on held-out pictures"),
        (case.copies is not None, "duplicates across splits"),
        (solved or case.units is not None, "the units' activations"),
    ]
    return [what for is_there, what in examined if not is_there]
