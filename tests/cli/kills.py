"""Trainings in processes of their own, killed and resumed: a script of `test_resume_command.py`.

`python kills.py FOLDER KILLS WORD…` trains `whole` with these words of `viewfinder train`, then
`killed-0`, `killed-1` …, each killed and resumed several times before it may end, until there were
so many kills. Processes are forked from this one, which has imported the backend and not used it:
importing it takes longer than such a training.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import matplotlib.pyplot  # noqa: F401
import sklearn.metrics  # noqa: F401
import tensorflow  # noqa: F401

import viewfinder.jobs.resume  # noqa: F401
from viewfinder.cli import main
from viewfinder.training import fit  # noqa: F401


def started(words: list[str]) -> int:
    """A process that runs `viewfinder train` with these words."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = main(["train", *words, "-q", "--json"], standalone_mode=False) or 0
    finally:
        os._exit(code)


def ended_well(child: int) -> bool:
    return os.waitpid(child, 0)[1] == 0


def checkpoints(run: Path) -> int:
    """How many checkpoints there have been, of all phases; numbers count them."""
    newest: dict[str, int] = {}
    for folder, _, names in os.walk(run):  # which passes over folders that go meanwhile
        for path in map(Path, names):
            if path.suffix == ".checkpoint" and path.stem.isdecimal():
                newest[folder] = max(newest.get(folder, 0), int(path.stem))
    return sum(newest.values())


def checkpoints_while(child: int, run: Path) -> int:
    """How many checkpoints there are until this process ends: some folders go in the end."""
    most = 0
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        most = max(most, checkpoints(run))
        time.sleep(0.0005)
    return most


def killed(run: Path, words: list[str], after: int, wait_s: float) -> None:
    """Train or resume, and kill it this long after so many checkpoints."""
    child = started(words)
    while checkpoints(run) < after:
        assert os.waitpid(child, os.WNOHANG)[0] == 0, "it ended before it could be killed"
        time.sleep(0.0005)
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def run_all(folder: Path, kills: int, words: list[str]) -> None:
    words = [*words, "--output", str(folder)]
    last = checkpoints_while(started([*words, "--name", "whole"]), folder / "whole")
    assert (folder / "whole/timing.json").exists()
    drawn = random.Random(0)
    done = 0
    for number in range(kills):
        run = folder / f"killed-{number}"
        begin, after = [*words, "--name", run.name], 0
        while done < kills and after <= (now := checkpoints(run)) < last - 1:
            after = drawn.randint(now + 1, min(now + 1 + last // 6, last - 1))
            killed(run, begin, after, drawn.uniform(0, 0.3 if done % 3 == 2 else 0.02))
            begin, done = ["--resume", str(run)], done + 1
        assert ended_well(started(begin)), f"{run.name} was not resumed"
        if done == kills:
            break


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
