"""Transfer learning: stored features against the course's frozen base inside the graph.

    python benchmarks/transfer.py [--base NAME] [--weights FILE] [--epochs 10] [--rounds 3]

First the forward pass alone, in one process: the base, MobileNetV2 (alpha 0.35) or
EfficientNetLite0, at 224 × 224 through ONNX Runtime as `viewfinder features` runs it, against
`model.predict`. Then whole processes in turn: `viewfinder train --recipe transfer` with an empty
cache, then again with the features in it, against `transfer_script.py`; in seconds, and in CPU
seconds, which count on a machine with other work. Viewfinder's time includes evaluation, the
doctor and the report. Keras's `fit`, which begins with Keras imported and the model built, is held
against features and head alone, and against all that is done once for a base as well: import,
building and export.
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
# The arguments of each base besides its name.
BASES: dict[str, dict[str, float]] = {"MobileNetV2": {"alpha": 0.35}, "EfficientNetLite0": {}}
# Of `timing.json`: making the base ready, its features, the head, evaluation.
STEPS = ("base_s", "features_s", "head_s", "evaluation_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", choices=list(BASES), default="MobileNetV2")
    parser.add_argument("--weights", default=photos.weights(), help="of MobileNetV2")
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
        "base": options.base,
        "whole": ratio(rounds, "seconds", "seconds"),
        "whole_cpu": ratio(rounds, "cpu_s", "cpu_s"),
        "warm_cpu": ratio(rounds, "warm_cpu_s", "cpu_s"),
        "features_and_head": ratio(rounds, "learning_s", "fit_s"),
        "base_features_and_head": ratio(rounds, "with_base_s", "fit_s"),
        "steps": {
            step: statistics.median(one["viewfinder"][step] for one in rounds) for step in STEPS
        },
        "rounds": rounds,
    }
    print(f"Keras / viewfinder, whole processes: {facts['whole']:.1f}")
    print(f"the same in CPU seconds: {facts['whole_cpu']:.1f}, warm {facts['warm_cpu']:.1f}")
    print(f"Keras's fit / features and head: {facts['features_and_head']:.1f}")
    print(f"Keras's fit / base, features and head: {facts['base_features_and_head']:.1f}")
    print("viewfinder's steps: " + ", ".join(f"{k} {v:.2f}" for k, v in facts["steps"].items()))
    print(f"saved {harness.save('transfer', [forward], facts)}")


def forward_pass(options: argparse.Namespace) -> harness.Result:
    import keras

    from viewfinder.models import build_base
    from viewfinder.runtime.export import export_onnx
    from viewfinder.runtime.onnx import OnnxModel

    given = {**BASES[options.base], "weights": weights_of(options)}
    base = build_base(options.base, input_shape=(224, 224, 3), **given).model
    model = keras.Sequential([base, keras.layers.GlobalAveragePooling2D()])
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
        harness.Case(f"{options.base}, forward pass", contestants, count, ours), options.rounds
    )


def weights_of(options: argparse.Namespace) -> str:
    return options.weights if options.base == "MobileNetV2" else "imagenet"


def viewfinder(data: Path, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "viewfinder", "train", str(data), "--quiet"]
    command += ["--recipe", "transfer", "--base", options.base, "--weights", weights_of(options)]
    command += [
        text for key, value in BASES[options.base].items() for text in (f"--{key}", f"{value}")
    ]
    command += ["--holdout", "validation", "--output", str(folder)]
    cache = str(folder / "cache")
    _, seconds, cpu = clocked([*command, "--name", "run"], VIEWFINDER_CACHE=cache)
    _, warm, warm_cpu = clocked([*command, "--name", "warm"], VIEWFINDER_CACHE=cache)
    timing = json.loads((folder / "run" / "timing.json").read_text())
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    learning = timing["features_s"] + timing["head_s"]
    return {
        "seconds": seconds,
        "cpu_s": cpu,
        "warm_s": warm,
        "warm_cpu_s": warm_cpu,
        "learning_s": learning,
        "with_base_s": timing["base_s"] + learning,
        "accuracy": metrics["test"]["accuracy"],
        **{step: timing[step] for step in STEPS},
    }


def course_script(data: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, str(HERE / "transfer_script.py"), str(data)]
    command += ["--base", options.base, "--epochs", str(options.epochs)]
    command += ["--weights", options.weights] if options.base == "MobileNetV2" else []
    output, seconds, cpu = clocked(command, TF_CPP_MIN_LOG_LEVEL="2")
    history = json.loads(output.splitlines()[-1])
    return {
        "seconds": seconds,
        "cpu_s": cpu,
        "fit_s": history["fit_s"],
        "accuracy": history["val_accuracy"][-1],
    }


def clocked(command: list[str], **environment: str) -> tuple[str, float, float]:
    """What `timed` returns, and the CPU seconds."""
    before = os.times()
    output, seconds = timed(command, **environment)
    after = os.times()
    user = after.children_user - before.children_user
    return output, seconds, user + after.children_system - before.children_system


def ratio(rounds: list[dict[str, dict[str, float]]], ours: str, theirs: str) -> float:
    return statistics.median(one["keras"][theirs] / one["viewfinder"][ours] for one in rounds)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
