"""The recipe `scratch` in no more time than the course's script takes, in turn, as whole processes.

    python benchmarks/equal_time.py [--epochs 40] [--seeds 3] [--smoke]

Both begin cold. The course's script trains 15 epochs on the training photos and looks at the
validation photos after each. `scratch` carves a twentieth of the training photos off to choose
its epoch, and looks at the validation photos once, at the end; its time includes the report.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import mean, median

import harness
import photos
from train import course_script, timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40, help="of scratch: what fits the time")
    parser.add_argument("--seeds", type=int, default=3, help="how often scratch is trained")
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        epochs = argparse.Namespace(epochs=1 if options.smoke else 15, augment=False)
        course = course_script(data, epochs)
        ours = [
            from_scratch(data, 1 if options.smoke else options.epochs, Path(scratch), seed)
            for seed in range(options.seeds)
        ]
    for seed, run in enumerate(ours):
        print(f"scratch, seed {seed}: {run['seconds']:.0f} s, held out {run['accuracy']:.3f}")
    held_out = mean(run["accuracy"] for run in ours)
    print(
        f"course {course['seconds']:.0f} s, last epoch {course['last']:.3f}, best "
        f"{course['best']:.3f}; scratch {median(run['seconds'] for run in ours):.0f} s, held out "
        f"{held_out:.3f} on the mean: {100 * (held_out - course['last']):.1f} points above the "
        f"course's end, {100 * (held_out - course['best']):.1f} above its best"
    )
    print(f"saved {harness.save('equal-time', [], {'course': course, 'scratch': ours})}")


def from_scratch(data: Path, epochs: int, folder: Path, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "viewfinder", "train", str(data), "--quiet"]
    command += ["--recipe", "scratch", "--image-size", "80", "--epochs", str(epochs)]
    command += ["--batch-size", "64", "--lr", "6e-3"]
    command += ["--holdout", "validation", "--set", "data.validation=0.05"]
    command += ["--set", "training.stages=[]"] if epochs < 4 else []
    name = f"seed-{seed}"
    command += ["--seed", str(seed), "--output", str(folder), "--name", name]
    _, seconds = timed(command, VIEWFINDER_CACHE=str(folder / f"cache-{seed}"))
    metrics = json.loads((folder / name / "metrics.json").read_text())
    return {"seconds": seconds, "accuracy": metrics["test"]["accuracy"]}


if __name__ == "__main__":
    main()
