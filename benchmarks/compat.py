"""The drop-in `ImageDataGenerator` against Keras's own class.

    python benchmarks/compat.py [--smoke]

640 photos at 150 × 150 with the course's augmentation, one thread each, the same seed: the first
epoch (files are read) and a later one, in CPU seconds; and a bare loop of `cv2.warpAffine` with
float32 pictures, which is the limit of a later epoch.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from keras.src.legacy.preprocessing import image as keras_image

import harness
import photos
from viewfinder import compat
from viewfinder.compat import iterators

COURSE = {
    "rescale": 1 / 255,
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}
SIDE = 150
BATCH = 20


def main() -> None:
    options = harness.arguments("The drop-in ImageDataGenerator against Keras's.")
    batches = 2 if options.smoke else 32
    cv2.setNumThreads(1)
    iterators.cores = lambda: 0  # one thread, as Keras's class has
    facts: dict[str, float] = {"pictures": batches * BATCH}
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos.folder(Path(scratch), smoke=options.smoke) / "train"
        flows = [
            module.ImageDataGenerator(**COURSE).flow_from_directory(
                str(folder), target_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, seed=1
            )
            for module in (keras_image, compat)
        ]
        for epoch in ("first", "later"):
            seconds = [0.0, 0.0]
            for batch in range(min(batches, len(flows[0]))):
                # In turn, so that the machine's load meets both alike.
                for which, flow in enumerate(flows):
                    seconds[which] += timed(lambda flow=flow, batch=batch: flow[batch])
            facts[f"{epoch}_epoch_ratio"] = seconds[0] / seconds[1]
            facts[f"{epoch}_epoch_ms_per_picture"] = 1000 * seconds[1] / facts["pictures"]
        picture = flows[1][0][0][0]
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 17, 0.9)
    bare = timed(lambda: [warp(picture, turn) for _ in range(200)]) / 200
    facts["share_of_bare_warp"] = 1000 * bare / facts["later_epoch_ms_per_picture"]
    print("\n".join(f"{name}: {value:.2f}" for name, value in facts.items()))
    print(f"saved {harness.save('compat', [], facts)}")


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def warp(picture: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(
        picture,
        turn,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


if __name__ == "__main__":
    main()
