"""The main job as whole processes, Viewfinder's and the course's Keras script in turn.

    python benchmarks/train.py [--epochs 15] [--rounds 1] [--augment] [--smoke]

Each process starts cold: Viewfinder's store of decoded pictures is built anew every time. Both
train the same network with the same optimizer, batch size and epochs. Viewfinder's time includes
what the script does not do: evaluation of both splits and the report.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
import photos

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--augment", action="store_true", help="with the course's augmentation")
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.epochs, options.rounds = 1, 1
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        for number in range(options.rounds):
            ours = viewfinder(data, options, Path(scratch) / str(number))
            keras = course_script(data, options)
            rounds.append({"viewfinder": ours, "keras": keras})
            print(
                f"round {number + 1}: viewfinder {ours['seconds']:.1f} s "
                f"(best validation {ours['best']:.3f}), Keras {keras['seconds']:.1f} s "
                f"(best {keras['best']:.3f}), ratio {ours['seconds'] / keras['seconds']:.2f}",
                flush=True,
            )
    ratio = statistics.median(r["viewfinder"]["seconds"] / r["keras"]["seconds"] for r in rounds)
    print(f"median of the ratios, viewfinder / Keras: {ratio:.3f}")
    name = "train-augment" if options.augment else "train"
    facts = {"epochs": options.epochs, "ratio": ratio, "rounds": rounds}
    print(f"saved {harness.save(name, [], facts)}")


def viewfinder(data: Path, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "viewfinder", "train", str(data), "--quiet"]
    command += ["--recipe", "course/cats-dogs", "--epochs", str(options.epochs)]
    command += ["--augment", "course"] if options.augment else []
    command += ["--output", str(folder), "--name", "run"]
    _, seconds = timed(command, VIEWFINDER_CACHE=str(folder / "cache"))
    with (folder / "run" / "history.csv").open() as file:
        best = max(float(row["val_accuracy"]) for row in csv.DictReader(file))
    return {"seconds": seconds, "best": best}


def course_script(data: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, str(HERE / "course_script.py"), str(data)]
    command += ["--epochs", str(options.epochs)]
    command += ["--augment"] if options.augment else []
    output, seconds = timed(command, TF_CPP_MIN_LOG_LEVEL="2")
    accuracies = json.loads(output.splitlines()[-1])["val_accuracy"]
    return {"seconds": seconds, "best": max(accuracies), "last": accuracies[-1]}


def timed(command: list[str], **environment: str) -> tuple[str, float]:
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout, seconds


if __name__ == "__main__":
    main()
