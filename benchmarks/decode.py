"""JPEG → 160 × 160 pixels: `prepare` against the ways a user would write it by hand.

    python benchmarks/decode.py [--smoke] [--rounds N]

The photos are ../shared/data/cats_and_dogs_filtered where it is present, brought to each size and
saved at quality 90; elsewhere slopes with noise.
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from PIL import Image

import harness
from viewfinder.pictures.decode import decode
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing

SHARED = Path(os.environ.get("VIEWFINDER_SHARED_DATA") or Path(__file__).parents[2] / "shared/data")
SIDE = 160
SIZES = {"150 × 150": (150, 150), "500 × 375": (375, 500), "1024 × 768": (768, 1024)}
LARGE = {"12 megapixels": (3000, 4000)}
COUNTS = {"150 × 150": 60, "500 × 375": 30, "1024 × 768": 10, "12 megapixels": 2}
REDUCED = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
PREPROCESSING = Preprocessing(height=SIDE, width=SIDE)


def photos(size: tuple[int, int], count: int) -> list[bytes]:
    """JPEGs of this (height, width)."""
    height, width = size
    files = sorted((SHARED / "cats_and_dogs_filtered").glob("train/*/*.jpg"))
    chosen = files[:: max(1, len(files) // count)][:count]
    if chosen:
        images = [Image.open(file).convert("RGB").resize((width, height)) for file in chosen]
    else:
        images = [Image.fromarray(synthetic(height, width, seed)) for seed in range(count)]
    return [as_jpeg(image) for image in images]


def synthetic(height: int, width: int, seed: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([x * 200 / width, y * 200 / height, (x + y) * 200 / (width + height)], 2)
    noise = np.random.default_rng(seed).normal(0, 9, slopes.shape)
    return (slopes + 20 + noise).clip(0, 255).astype(np.uint8)


def as_jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def area(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def ours(data: bytes) -> np.ndarray:
    return prepare(data, PREPROCESSING).pixels


def full_pillow(data: bytes) -> np.ndarray:
    return area(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def full_ours(data: bytes) -> np.ndarray:
    return area(decode(data).pixels)


def pillow_draft(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (SIDE, SIDE))
    return area(np.asarray(image))


def opencv_reduced(data: bytes) -> np.ndarray:
    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    divisor = next(d for d in (8, 4, 2, 1) if min(height, width) >= SIDE * d or d == 1)
    return area(cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[divisor]))


def simplejpeg_scaled(data: bytes) -> np.ndarray:
    return area(simplejpeg.decode_jpeg(data, min_height=SIDE, min_width=SIDE))


WAYS = {
    "viewfinder prepare": ours,
    "viewfinder, full size": full_ours,
    "Pillow, full size": full_pillow,
    "Pillow draft": pillow_draft,
    "OpenCV IMREAD_REDUCED": opencv_reduced,
    "simplejpeg min_height": simplejpeg_scaled,
}
BEST_OF = ("Pillow draft", "OpenCV IMREAD_REDUCED", "simplejpeg min_height")


def in_threads(data: list[bytes], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(ours, data))


def main() -> None:
    options = harness.arguments(__doc__.splitlines()[0])
    cv2.setNumThreads(1)
    results, facts = [], {}
    for name, size in (SIZES if options.smoke else SIZES | LARGE).items():
        data = photos(size, 2 if options.smoke else COUNTS[name])
        contestants = {
            way: lambda do=do, data=data: [do(each) for each in data] for way, do in WAYS.items()
        }
        case = harness.Case(f"JPEG {name}", contestants, len(data), "viewfinder prepare")
        result = harness.measure(case, options.rounds)
        harness.show(result)
        error = np.mean([np.abs(ours(d).astype(int) - full_ours(d)).mean() for d in data])
        best = min(result.ratio(way) for way in BEST_OF)
        print(
            f"  of the best reduced decoder: {best:.2f} ×   off full decoding: {error:.2f} levels"
        )
        facts[name] = {"of_best_reduced": best, "levels_off_full": float(error)}
        results.append(result)

    data = photos(SIZES["500 × 375"], 4 if options.smoke else 30) * (1 if options.smoke else 8)
    threads = {f"{n} threads": lambda n=n: in_threads(data, n) for n in (2, 1)}
    result = harness.measure(
        harness.Case("Threads, JPEG 500 × 375", threads, len(data), "2 threads"), options.rounds
    )
    harness.show(result)
    results.append(result)
    print(f"\nsaved to {harness.save('decode', results, facts)}")


if __name__ == "__main__":
    main()
