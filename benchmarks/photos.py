"""Photos and weights for the benchmarks: real ones where they are at hand, else made ones."""

import os
from pathlib import Path

import cv2
import numpy as np

SHARED = Path(
    os.environ.get("VIEWFINDER_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def folder(scratch: Path, *, smoke: bool) -> Path:
    """A folder of train/ and validation/ with two classes each."""
    real = SHARED / "cats_and_dogs_filtered"
    if real.is_dir() and not smoke:
        return real
    if not smoke:
        print(f"left out: no real photos in {real}; made ones take their place")
    made = scratch / "made"
    for split, count in (("train", 20 if smoke else 1000), ("validation", 10 if smoke else 500)):
        for number, label in enumerate(("cats", "dogs")):
            write_photos(made / split / label, count, seed=len(split) + 100 * number)
    return made


def weights() -> str:
    """Keras's file of MobileNetV2 (alpha 0.35) trained on ImageNet, or "none"."""
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    path = SHARED / "weights" / name
    if path.exists():
        return str(path)
    print(f"left out: no pretrained weights in {path}; drawn ones take their place")
    return "none"


def write_photos(target: Path, count: int, seed: int) -> None:
    """JPEGs of quality 90 and of many sizes, as smooth and as noisy as photos are."""
    target.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        height, width = random.integers(200, 500, 2)
        coarse = random.integers(0, 256, (9, 9, 3), np.uint8)
        smooth = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
        noise = random.normal(0, 6, smooth.shape)
        photo = np.clip(smooth + noise, 0, 255).astype(np.uint8)
        path = str(target / f"{number:05}.jpg")
        cv2.imwrite(path, photo, [cv2.IMWRITE_JPEG_QUALITY, 90])
