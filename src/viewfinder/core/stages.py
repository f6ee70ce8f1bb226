"""Where the time of a training goes, and which stage limits it."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# The stages in words, as the subject of a sentence.
_WORDS = {
    "preparing": "preparing the pictures (reading and decoding each once)",
    "reading": "reading pictures",
    "decoding": "decoding pictures",
    "augmenting": "augmentation",
    "network": "the network",
    "validation": "validation",
    "base": "loading the base",
    "features": "computing features",
    "head": "fitting the head",
}
_LEAST_SHARE = 0.005


class Stages:
    """Seconds by stage, added up from several threads.

    Attributes:
        seconds: The sums, by the stage's name.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Add to a stage."""
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the duration of a block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)


def shared_out(total: float, measured: Mapping[str, float]) -> dict[str, float]:
    """Divide the seconds of a fit among its stages.

    Workers read, decode and augment while the network computes, so their own seconds limit nothing.
    Only the time for which the network waited for a batch counts, divided in proportion to the
    workers' seconds. The rest, without validation, is the network's.

    Args:
        total: The seconds of the fit.
        measured: "waiting" and "validation", and the workers' "reading", "decoding" and
            "augmenting".

    Returns:
        The seconds of each stage that has some; their sum is `total`.
    """
    validation = min(total, measured.get("validation", 0.0))
    waiting = min(total - validation, measured.get("waiting", 0.0))
    work = {name: measured.get(name, 0.0) for name in ("reading", "decoding", "augmenting")}
    whole = sum(work.values())
    if not whole:
        waiting = 0.0
    parts = {name: waiting * seconds / whole for name, seconds in work.items() if seconds}
    parts |= {"network": total - validation - waiting, "validation": validation}
    return {name: seconds for name, seconds in parts.items() if seconds > 0}


def limit_in_words(stages: Mapping[str, float]) -> str:
    """Return a sentence on the stage with the most seconds and the shares of all; "" for none."""
    total = sum(stages.values())
    if total <= 0:
        return ""
    (limit, most), *others = sorted(stages.items(), key=lambda one: -one[1])
    shares = [
        f"{_WORDS.get(name, name)} {_percent(seconds / total)}"
        for name, seconds in others
        if seconds / total >= _LEAST_SHARE
    ]
    first = _WORDS.get(limit, limit)
    rest = f"; {', '.join(shares)}" if shares else ""
    of_time = f"{_percent(most / total)} of the time"
    return f"{first[:1].upper()}{first[1:]} limits the training: {of_time}{rest}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
