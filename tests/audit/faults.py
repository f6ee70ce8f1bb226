"""A dataset with faults planted in it: what was done to which picture is known."""

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

EXACT, ENCODED, RESIZED = "exact", "encoded again", "resized"
CROPPED, MIRRORED = "cropped 5 %", "mirrored"
ACROSS_SPLITS, RELABELLED = "exact, across splits", "exact, other label"


@dataclass
class Planted:
    """A folder, and what was planted in it: by kind, (original, planted) paths."""

    root: Path
    pairs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    single: dict[str, str] = field(default_factory=dict)


def made_photo(seed: int, height: int = 150, width: int = 200) -> Image.Image:
    """Smooth colours, a few shapes and noise: no two seeds look alike."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (7, 9, 3), np.uint8)
    canvas = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    for _ in range(6):
        place = tuple(int(value) for value in random.integers(0, (width, height)))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.circle(canvas, place, int(random.integers(6, 40)), color, -1, cv2.LINE_AA)
    noisy = canvas + random.normal(0, 4, canvas.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def write_made(root: Path, each: int) -> Path:
    """`train/` and `validation/` of `cats` and `dogs`, so many JPEGs each."""
    seed = 0
    for split in ("train", "validation"):
        for label in ("cats", "dogs"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(each):
                made_photo(seed).save(folder / f"{label}.{number}.jpg", quality=92)
                seed += 1
    return root


def encoded(image: Image.Image, quality: int = 85) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def changed(image: Image.Image, kind: str, number: int) -> bytes:
    """The picture after what `kind` names; quality, size and side of the crop vary with number."""
    width, height = image.size
    if kind == ENCODED:
        return encoded(image, quality=(40, 60, 75, 90)[number % 4])
    if kind == RESIZED:
        scale = (0.5, 0.7, 1.4)[number % 3]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return encoded(image.resize(size, Image.Resampling.BICUBIC))
    if kind == MIRRORED:
        return encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    cut_x, cut_y = round(width * 0.05), round(height * 0.05)
    left, top = cut_x * (number % 3) // 2, cut_y * (number // 3 % 3) // 2
    return encoded(image.crop((left, top, left + width - cut_x, top + height - cut_y)))


def plant(root: Path, files: Sequence[Path], each: int) -> Planted:
    """Plant `each` faults of every kind of pair into the folder, and one of every single kind.

    Args:
        root: Split folders of class folders `cats` and `dogs`.
        files: Pictures in it, all different, at least 8 times `each`; none is changed.
        each: How many of each kind.
    """
    planted = Planted(root)
    remaining = iter(files)
    for kind in (EXACT, ENCODED, RESIZED, CROPPED, MIRRORED, ACROSS_SPLITS, RELABELLED):
        for number in range(each):
            original = next(remaining)
            target = original.with_name(f"planted-{kind.replace(' %', '')}-{number}.jpg")
            if kind == ACROSS_SPLITS:
                other = {"train": "validation", "validation": "train"}[original.parts[-3]]
                target = root / other / original.parts[-2] / target.name
            if kind == RELABELLED:
                other = {"cats": "dogs", "dogs": "cats"}[original.parts[-2]]
                target = root / original.parts[-3] / other / target.name
            if kind in (EXACT, ACROSS_SPLITS, RELABELLED):
                shutil.copy(original, target)
            else:
                target.write_bytes(changed(Image.open(original).convert("RGB"), kind, number))
            pair = (original.relative_to(root).as_posix(), target.relative_to(root).as_posix())
            planted.pairs.setdefault(kind, []).append(pair)
    _plant_single(planted, next(remaining))
    return planted


def _plant_single(planted: Planted, original: Path) -> None:
    whole = original.read_bytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    # A picture of its own each, so that none is a copy of another.
    own = [made_photo(10_000 + number) for number in range(2)]
    turned = io.BytesIO()
    own[0].save(turned, "JPEG", exif=exif)
    contents = {
        "unreadable: empty": ("empty.jpg", b""),
        "unreadable: truncated": ("cut.jpg", whole[: len(whole) // 2]),
        "unreadable: not a picture": ("notes.jpg", b"not a picture at all"),
        "rotated by EXIF": ("turned.jpg", turned.getvalue()),
        "wrong ending": ("named.png", encoded(own[1])),
    }
    for check, (name, data) in contents.items():
        path = planted.root / "train" / "cats" / f"planted-{name}"
        path.write_bytes(data)
        planted.single[check] = path.relative_to(planted.root).as_posix()
