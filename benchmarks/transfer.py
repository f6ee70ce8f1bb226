"""Transfer learning: stored features against the course's frozen base inside the graph.

    python benchmarks/transfer.py [--weights FILE] [--epochs 10] [--rounds 3] [--smoke]

First the forward pass alone, in one process: MobileNetV2 (alpha 0.35, 224 × 224) through ONNX
Runtime as `viewfinder features` runs it, against `model.predict`. Then whole processes in turn,
each from a cold start: `viewfinder train --recipe transfer` with an empty cache, against
`transfer_script.py`. Viewfinder's time includes evaluation, the doctor and the report. Keras's
`fit`, which begins with Keras imported and the model built, is held against features and head
alone, and against all that is done once for a base as well: import, building and export.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import harness
import photos
from train import timed
from viewfinder.core.parallel import cores

HERE = Path(__file__).parent
BATCH = 16
# Of `timing.json`: making the base ready, its features, the head, evaluation.
STEPS = ("base_s", "features_s", "head_s", "evaluation_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=photos.weights())
    parser.add_argument("--epochs", type=int, default=10, help="of the course's way")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.epochs, options.rounds = 1, 1
    forward = forward_pass(options)
    harness.show(forward)
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        for number in range(options.rounds):
            rounds.append(
                {
                    "viewfinder": viewfinder(data, options, Path(scratch) / str(number)),
                    "keras": course_script(data, options),
                }
            )
            print(f"round {number + 1}: {json.dumps(rounds[-1])}", flush=True)
    facts = {
        "epochs": options.epochs,
        "whole": ratio(rounds, "seconds", "seconds"),
        "features_and_head": ratio(rounds, "learning_s", "fit_s"),
        "base_features_and_head": ratio(rounds, "with_base_s", "fit_s"),
        "steps": {
            step: statistics.median(one["viewfinder"][step] for one in rounds) for step in STEPS
        },
        "rounds": rounds,
    }
    print(f"Keras / viewfinder, whole processes: {facts['whole']:.1f}")
    print(f"Keras's fit / features and head: {facts['features_and_head']:.1f}")
    print(f"Keras's fit / base, features and head: {facts['base_features_and_head']:.1f}")
    print("viewfinder's steps: " + ", ".join(f"{k} {v:.2f}" for k, v in facts["steps"].items()))
    print(f"saved {harness.save('transfer', [forward], facts)}")


def forward_pass(options: argparse.Namespace) -> harness.Result:
    from viewfinder.models import build_base
    from viewfinder.runtime.export import export_onnx
    from viewfinder.runtime.onnx import OnnxModel

    model = build_base(
        "MobileNetV2", input_shape=(224, 224, 3), alpha=0.35, weights=options.weights
    ).model
    count = 2 * BATCH if options.smoke else 16 * BATCH
    pictures = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), np.uint8)
    batches = np.split(pictures, count // BATCH)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "base.onnx"
        export_onnx(model, path)
        network = OnnxModel(path)
    threads = ThreadPoolExecutor(cores())
    contestants = {
        "ONNX Runtime, a thread a core": lambda: list(threads.map(network, batches)),
        "model.predict": lambda: model.predict(pictures, batch_size=32, verbose=0),
    }
    ours = next(iter(contestants))
    return harness.measure(
        harness.Case("MobileNetV2 (0.35), forward pass", contestants, count, ours), options.rounds
    )


def viewfinder(data: Path, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "viewfinder", "train", str(data), "--quiet"]
    command += [
        "--recipe",
        "transfer",
        "--base",
        "MobileNetV2",
        "--alpha",
        "0.35",
        "--weights",
        options.weights,
    ]
    command += ["--holdout", "validation", "--output", str(folder), "--name", "run"]
    _, seconds = timed(command, VIEWFINDER_CACHE=str(folder / "cache"))
    timing = json.loads((folder / "run" / "timing.json").read_text())
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    learning = timing["features_s"] + timing["head_s"]
    return {
        "seconds": seconds,
        "learning_s": learning,
        "with_base_s": timing["base_s"] + learning,
        "accuracy": metrics["test"]["accuracy"],
        **{step: timing[step] for step in STEPS},
    }


def course_script(data: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, str(HERE / "transfer_script.py"), str(data)]
    command += ["--weights", options.weights, "--epochs", str(options.epochs)]
    output, seconds = timed(command, TF_CPP_MIN_LOG_LEVEL="2")
    history = json.loads(output.splitlines()[-1])
    return {
        "seconds": seconds,
        "fit_s": history["fit_s"],
        "accuracy": history["val_accuracy"][-1],
    }


def ratio(rounds: list[dict[str, dict[str, float]]], ours: str, theirs: str) -> float:
    return statistics.median(one["keras"][theirs] / one["viewfinder"][ours] for one in rounds)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
