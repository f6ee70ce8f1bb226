"""The rule about the stage that takes most of a training's time."""

from collections.abc import Iterator

from viewfinder.core.stages import limit_in_words
from viewfinder.evaluation.doctor.case import Case
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict

_LEAST_SECONDS = 60.0


def limited(case: Case) -> Iterator[Verdict]:
    """Name the stage that limits a training of a minute or more."""
    total = sum(case.stages.values())
    if total < _LEAST_SECONDS:
        return
    limit = max(case.stages, key=lambda name: case.stages[name])
    tries = []
    if limit == "decoding":  # in the epochs: the store has no room
        tries.append(Try("--store-limit 20GB", "with room in the store, pictures are decoded once"))
    evidence = {"limit": limit, "share": case.stages[limit] / total, "seconds": dict(case.stages)}
    yield Verdict(
        "limiting-stage",
        Severity.INFO,
        limit_in_words(case.stages),
        evidence=evidence,
        tries=tuple(tries),
    )
