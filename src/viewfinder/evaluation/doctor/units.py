"""Units that never answer, and activations that are no numbers."""

from collections.abc import Iterator

from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict, percent

_MANY_DEAD = 0.5
_FEWEST_UNITS = 8
# Half precision ends at 65,504; float32 loses whole units from 2**24 on.
_HUGE = 1e4


def dead(case: Case) -> Iterator[Verdict]:
    """Half of a layer's units, or more, are zero whatever is shown."""
    layers = [one for one in case.units or () if one["relu"] and one["units"] >= _FEWEST_UNITS]
    bad = [one for one in layers if one["dead"] >= _MANY_DEAD * one["units"]]
    if not bad:
        return
    worst = max(bad, key=lambda one: one["dead"] / one["units"])
    share = worst["dead"] / worst["units"]
    is_all = worst["dead"] == worst["units"]
    sentence = (
        f"Layer {worst['layer']} is dead: no picture gets through it."
        if is_all
        else f"Many units of layer {worst['layer']} are dead: they are zero for every picture."
    )
    because = f"{worst['dead']:,} of its {worst['units']:,} units ({percent(share)}) never fire."
    if len(bad) > 1:
        because += f" {len(bad)} of {len(layers)} layers are so."
    rate = case.setup.learning_rate
    tries = (
        Try(
            f"--lr {float(f'{rate / 3:.1g}'):g}", "large steps push units where they cannot return"
        ),
        Try("--recipe scratch", "batch norm keeps units in their range"),
    )
    evidence = {"layers": [dict(one) for one in bad]}
    severity = Severity.ERROR if is_all else Severity.INFO
    yield Verdict("dead-units", severity, sentence, because, evidence, tries)


def exploding(case: Case) -> Iterator[Verdict]:
    """Activations that are infinite, not numbers, or far beyond any use."""
    bad = [one for one in case.units or () if one["largest"] is None or one["largest"] > _HUGE]
    if not bad:
        return
    first = bad[0]
    has_broken = any(one["largest"] is None for one in bad)
    sentence = (
        f"From layer {first['layer']} on, activations are "
        f"{'not numbers' if has_broken else 'huge'}: the weights have exploded."
    )
    largest = "not finite" if first["largest"] is None else f"{first['largest']:.2g}"
    because = f"The largest in that layer is {largest}; {len(bad)} layers are so."
    rate = case.setup.learning_rate
    tries = (Try(f"--lr {float(f'{rate / 10:.1g}'):g}", "a tenth of it"),)
    severity = Severity.ERROR if has_broken else Severity.WARNING
    evidence = {"layers": [dict(one) for one in bad]}
    yield Verdict("exploding-units", severity, sentence, because, evidence, tries)
