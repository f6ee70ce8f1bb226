"""A training step: in half precision or not, norms as one operation or not, by Muon or not.

    python benchmarks/steps.py [--rounds 15] [--smoke]

The pictures are noise that lies in memory: what is timed is Keras's `fit` alone.
"""

from contextlib import nullcontext

import numpy as np

import harness
from viewfinder.runtime.backend import use_backend

use_backend()

import tensorflow as tf  # noqa: E402

from viewfinder.models import build_model  # noqa: E402
from viewfinder.recipe.named import recipe_named  # noqa: E402
from viewfinder.training import compile_model  # noqa: E402
from viewfinder.training.step import fused_norms  # noqa: E402

CASES = [("tiny", 28, "gray", 64, 10), ("scratch", 96, "rgb", 32, 2)]
STEPS = 10
AUTO = "as it trains by itself"
CONTESTANTS = {
    AUTO: ({"training.precision": "auto"}, True),
    "bfloat16, norms by Keras": ({"training.precision": "mixed_bfloat16"}, False),
    "float32, norms as one operation": ({"training.precision": "float32"}, True),
    "float32, norms by Keras": ({"training.precision": "float32"}, False),
    "by AdamW": ({"training.optimizer": "adamw"}, True),
    "by Muon": ({"training.optimizer": "muon"}, True),
}


def main() -> None:
    options = harness.arguments(__doc__)
    results = []
    for case in CASES[: 1 if options.smoke else None]:
        results.append(harness.measure(contest(*case), options.rounds))
        harness.show(results[-1])
    print(f"saved {harness.save('steps', results, {})}")


def contest(name: str, side: int, color: str, batch: int, classes: int) -> harness.Case:
    drawn = np.random.default_rng(0)
    shape = (batch * STEPS, side, side, 1 if color == "gray" else 3)
    images = drawn.integers(0, 256, shape, dtype=np.uint8)
    labels = drawn.integers(0, classes, len(images))
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch).cache()
    recipe = recipe_named(name).changed({"input.size": (side, side), "input.color": color})

    def contestant(changes: dict[str, str], is_fused: bool):
        wanted = recipe.changed(changes)
        model = build_model(wanted, classes)
        compile_model(model, wanted, steps=1000)

        def run() -> None:
            with fused_norms(model) if is_fused else nullcontext():
                model.fit(batches, shuffle=False, verbose=0)

        return run

    return harness.Case(
        f"{name}, {side} × {side}, batches of {batch}: a step",
        {title: contestant(*settings) for title, settings in CONTESTANTS.items()},
        STEPS,
        AUTO,
    )


if __name__ == "__main__":
    main()
