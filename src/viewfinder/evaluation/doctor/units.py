"""Rules about dead units and exploding activations."""

from collections.abc import Iterator

from viewfinder.core.words import percent
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

_MANY_DEAD = 0.5
_FEWEST_UNITS = 8
# The largest float16 is 65,504; float32 cannot represent every integer above 2**24.
_HUGE = 1e4


def dead(case: Case) -> Iterator[Verdict]:
    """Report layers of which half the units or more are zero for every picture."""
    layers = [layer for layer in case.units or () if layer.relu and layer.units >= _FEWEST_UNITS]
    bad = [layer for layer in layers if layer.dead >= _MANY_DEAD * layer.units]
    if not bad:
        return
    worst = max(bad, key=lambda layer: layer.dead / layer.units)
    share = worst.dead / worst.units
    is_all = worst.dead == worst.units
    sentence = (
        f"Layer {worst.layer} is dead: its output is zero for every picture."
        if is_all
        else f"Many units of layer {worst.layer} are dead: they are zero for every picture."
    )
    because = f"{worst.dead:,} of its {worst.units:,} units ({percent(share)}) are dead."
    if len(bad) > 1:
        because += f" In {len(bad)} of {len(layers)} layers, half of the units or more are dead."
    setup, why = case.setup, "batch norm keeps activations in range"
    tries = [*case.lower_rate(3, "large steps make units dead for good")]
    if not setup.normed and not setup.solved:
        tries.append(Try("--set model.batch_norm=true", why))
    evidence = {"layers": [dict(layer) for layer in bad]}
    severity = Severity.ERROR if is_all else Severity.INFO
    yield Verdict("dead-units", severity, sentence, because, evidence, tuple(tries))


def exploding(case: Case) -> Iterator[Verdict]:
    """Report activations that are not finite, or huge."""
    bad = [layer for layer in case.units or () if layer.largest is None or layer.largest > _HUGE]
    if not bad:
        return
    first = bad[0]
    has_broken = any(layer.largest is None for layer in bad)
    if case.is_barely_trained and not has_broken:  # averages of batch norm need steps to converge
        return
    sentence = (
        f"From layer {first.layer} on, activations are "
        f"{'not finite' if has_broken else 'huge'}: the weights have exploded."
    )
    largest = "not finite" if first.largest is None else f"{first.largest:.2g}"
    because = (
        f"The largest activation of that layer is {largest}; "
        f"{len(bad)} {'layer is' if len(bad) == 1 else 'layers are'} affected."
    )
    tries = case.lower_rate(10, "a tenth of the learning rate")
    severity = Severity.ERROR if has_broken else Severity.WARNING
    evidence = {"layers": [dict(layer) for layer in bad]}
    yield Verdict("exploding-units", severity, sentence, because, evidence, tries)
