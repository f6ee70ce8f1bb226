"""Interleaved timing of named callables in one process.

The machine's load drifts, so the contestants take turns: each round runs every one of them once,
and a ratio is the median of the rounds' own ratios, not a ratio of two medians.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Case:
    """What one table compares.

    Attributes:
        name: The table's title.
        contestants: What is timed, by name.
        items: How many items (pictures, batches) one call handles.
        ours: Which contestant the ratios are of: how many times faster it is than each other.
    """

    name: str
    contestants: Mapping[str, Callable[[], object]]
    items: int
    ours: str


@dataclass(frozen=True)
class Row:
    """One contestant's figures: seconds per item, and how many times faster ours is."""

    contestant: str
    seconds: float
    ours_is_faster: float


@dataclass(frozen=True)
class Result:
    """One case's figures."""

    case: str
    rounds: int
    rows: list[Row]

    def ratio(self, contestant: str) -> float:
        """How many times faster ours is than this contestant."""
        return next(row.ours_is_faster for row in self.rows if row.contestant == contestant)


_clocks: list[Callable[[], float]] = [time.perf_counter]


def cpu_seconds() -> float:
    """The CPU seconds of this process and of its ended children."""
    return sum(os.times()[:4])


def arguments(description: str, rounds: int = 15) -> argparse.Namespace:
    """The options that every benchmark has: `--smoke` and `--rounds`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--smoke", action="store_true", help="tiny input, one round: does it run?")
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds per case")
    parser.add_argument(
        "--cpu", action="store_true", help="CPU seconds, on a machine that has other work"
    )
    options = parser.parse_args()
    if options.cpu:
        _clocks.append(cpu_seconds)
    if options.smoke:
        options.rounds = 1
    return options


def measure(case: Case, rounds: int) -> Result:
    """Time a case; one round more, to warm up, is not counted."""
    times: dict[str, list[float]] = {name: [] for name in case.contestants}
    names = list(case.contestants)
    for turn in range(rounds + 1):
        # Each round begins with another contestant, so that none always follows the same.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = _clocks[-1]()
            case.contestants[name]()
            if turn > 0:
                times[name].append((_clocks[-1]() - start) / case.items)
    ours = times[case.ours]
    rows = [
        Row(
            name,
            statistics.median(theirs),
            statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        )
        for name, theirs in times.items()
    ]
    return Result(case.name, rounds, rows)


def show(result: Result) -> None:
    """Print a case as a table."""
    print(f"\n{result.case}  (median of {result.rounds} rounds)")
    print(f"  {'':34}{'ms/item':>10}{'items/s':>10}{'ours is':>11}")
    for row in result.rows:
        rate = f"{row.seconds * 1000:10.3f}{1 / row.seconds:10.0f}"
        print(f"  {row.contestant:34}{rate}{row.ours_is_faster:9.2f} ×")


def save(name: str, results: list[Result], facts: Mapping[str, object]) -> Path:
    """Write `benchmarks/out/NAME.json`: the figures, other facts, and what machine they are of."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    machine = {"platform": platform.platform(), "python": platform.python_version()}
    document = {
        "machine": machine,
        "facts": dict(facts),
        "results": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path
