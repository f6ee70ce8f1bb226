"""Augmentation, sampled and applied, against a bare loop of `cv2.warpAffine` and the peers.

    python benchmarks/augment.py [--smoke] [--rounds N]

The bare loop is the floor: one bilinear resampling with the same maps, border and size, and
nothing else. OpenCV's own threads are switched off, to compare one thread with one. The peers get
the `course` settings, each in its own words.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import cv2
import numpy as np

import harness
from viewfinder.augment import POLICIES, Plan, policy
from viewfinder.augment.pixels import BORDERS
from viewfinder.core.randomness import Randomness

BATCH, BATCHES = 32, 4
SIDES = (150, 224)
OURS = "viewfinder, 1 thread"

Contestants = dict[str, Callable[[], object]]


def main() -> None:
    options = harness.arguments("Augmentation against its peers.")
    cv2.setNumThreads(1)
    results = []
    for side in (32,) if options.smoke else SIDES:
        pixels = slopes(side)
        for name in POLICIES:
            contestants = ours_and_the_floor(policy(name), pixels)
            if name == "course":
                contestants |= image_data_generator(pixels) | albumentations(pixels)
                contestants |= keras_layers(pixels)
            case = harness.Case(f"{name}, {side} × {side}", contestants, BATCH * BATCHES, OURS)
            results.append(harness.measure(case, options.rounds))
            harness.show(results[-1])
    facts = {"batch": BATCH, "batches": BATCHES, "opencv": cv2.__version__}
    print(f"\nsaved {harness.save('augment', results, facts)}")


def slopes(side: int) -> np.ndarray:
    """Batches of pictures with soft edges, uint8 `(batches, n, side, side, 3)`."""
    noise = np.random.default_rng(0).integers(0, 256, (BATCHES, BATCH, side, side, 3), np.uint8)
    return np.array([[cv2.GaussianBlur(picture, (0, 0), 2) for picture in b] for b in noise])


def ours_and_the_floor(plan: Plan, pixels: np.ndarray) -> Contestants:
    """The plan and the bare loop, in one thread, and in two that take whole batches."""
    ids = np.arange(BATCHES * BATCH, dtype=np.uint64).reshape(BATCHES, BATCH)
    randomness, threads = Randomness(0), ThreadPoolExecutor(2)
    out, maps = np.empty_like(pixels), inverse_maps(plan, pixels.shape[2], ids)
    size, border = (pixels.shape[2],) * 2, BORDERS[plan.fill]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def bare(i: int) -> None:
        for picture, inverse in zip(pixels[i], maps[i], strict=True):
            cv2.warpAffine(picture, inverse, size, flags=flags, borderMode=border)

    def ours(i: int) -> None:
        plan.apply(pixels[i], plan.sample(randomness, 0, ids[i]), out=out[i])

    return {
        "bare cv2.warpAffine, 1 thread": lambda: list(map(bare, range(BATCHES))),
        OURS: lambda: list(map(ours, range(BATCHES))),
        "bare cv2.warpAffine, 2 threads": lambda: list(threads.map(bare, range(BATCHES))),
        "viewfinder, 2 threads": lambda: list(threads.map(ours, range(BATCHES))),
    }


def inverse_maps(plan: Plan, side: int, ids: np.ndarray) -> np.ndarray:
    """The maps that the plan itself uses, so that the floor reads the same pixels."""
    samples = [plan.sample(Randomness(0), 0, batch) for batch in ids]
    sources = np.full((BATCH, 2), side)
    return np.array([plan.pixel_maps(drawn, sources, (side, side)) for drawn in samples])


def image_data_generator(pixels: np.ndarray) -> Contestants:
    if not installed("keras"):
        return {}
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    pictures = flat(pixels).astype(np.float32)
    return {"ImageDataGenerator": lambda: [generator.random_transform(it) for it in pictures]}


def albumentations(pixels: np.ndarray) -> Contestants:
    if not installed("albumentations"):
        return {}
    import albumentations as A

    affine = A.Affine(
        rotate=(-40, 40),
        translate_percent={"x": (-0.2, 0.2), "y": (-0.2, 0.2)},
        shear={"x": (-0.2, 0.2), "y": (0, 0)},
        scale={"x": (0.8, 1.2), "y": (0.8, 1.2)},
        border_mode=cv2.BORDER_REPLICATE,
        p=1,
    )
    change = A.Compose([affine, A.HorizontalFlip(p=0.5)])
    pictures = flat(pixels)
    return {f"Albumentations {A.__version__}": lambda: [change(image=it) for it in pictures]}


def keras_layers(pixels: np.ndarray) -> Contestants:
    """Keras's own random layers: one resampling a layer, on every core."""
    if not installed("keras"):
        return {}
    import keras

    stack = [
        keras.layers.RandomRotation(40 / 360, fill_mode="nearest"),
        keras.layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        keras.layers.RandomZoom((-0.2, 0.2), (-0.2, 0.2), fill_mode="nearest"),
        keras.layers.RandomFlip("horizontal"),
    ]
    batches = [keras.ops.convert_to_tensor(batch.astype(np.float32)) for batch in pixels]

    def run() -> None:
        for images in batches:
            changed = images
            for layer in stack:
                changed = layer(changed, training=True)
            keras.ops.convert_to_numpy(changed)

    return {f"Keras layers ({keras.backend.backend()}, all cores)": run}


def flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(-1, *pixels.shape[2:])


def installed(name: str) -> bool:
    found = importlib.util.find_spec(name) is not None
    if not found:
        print(f"left out: {name} is not installed", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
