"""Drawn shapes of eight classes in series: each series has a look, and names carry its token."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd

from viewfinder.core.errors import Reason, RejectedPicture
from viewfinder.data.dataset import UNSPLIT, Dataset
from viewfinder.data.source import Source, Stamp

SHAPES = ("arrow", "bar", "cross", "disc", "frame", "ring", "star", "wedge")
SIDE = 48
SERIES, TAKES = 6, 6


@dataclass(frozen=True, eq=False)
class Drawn(Source):
    """Pictures in memory that have the names of files."""

    pictures: dict[str, np.ndarray] = field(repr=False)
    name: str = "drawn"

    def read(self, locator: str) -> np.ndarray:
        if locator not in self.pictures:
            raise RejectedPicture(Reason.MISSING, "never drawn")
        return self.pictures[locator]

    def stamp(self, locator: str) -> Stamp:
        return Stamp(len(locator), 1)

    def record(self) -> dict[str, Any]:
        return {"kind": "drawn", "name": self.name}

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Look:
    """What all pictures of a series have in common."""

    ground: np.ndarray
    ink: np.ndarray
    radius: float
    shift: np.ndarray
    turn: float
    stroke: int
    slope: np.ndarray

    @classmethod
    def of(cls, random: np.random.Generator) -> "Look":
        ground = random.uniform(40, 215, 3)
        away = random.choice([-1, 1], 3) * random.uniform(80, 120, 3)
        return cls(
            ground=ground,
            ink=np.clip(ground + away, 0, 255),
            radius=random.uniform(11, 15),
            shift=random.uniform(-4, 4, 2),
            turn=random.uniform(-0.3, 0.3),
            stroke=int(random.integers(3, 6)),
            slope=random.uniform(-20, 20, 2),
        )


def outline(shape: str, turn: float) -> list[np.ndarray]:
    """The polygons or lines of a shape within the unit circle, as complex numbers turned."""
    corners = {
        "arrow": [[-1, 1, 0.3, 1, 0.3 + 0.7j, 1, 0.3 - 0.7j]],
        "bar": [[-1 - 0.3j, 1 - 0.3j, 1 + 0.3j, -1 + 0.3j, -1 - 0.3j]],
        "cross": [[-1, 1], [-1j, 1j]],
        "frame": [[-0.8 - 0.8j, 0.8 - 0.8j, 0.8 + 0.8j, -0.8 + 0.8j, -0.8 - 0.8j]],
        "star": [[1, -1], [0.5 + 0.87j, -0.5 - 0.87j], [0.5 - 0.87j, -0.5 + 0.87j]],
        "wedge": [[-0.8 + 0.8j, 0.9, -0.8 - 0.8j, -0.8 + 0.8j]],
    }
    return [np.array(points) * np.exp(1j * turn) for points in corners[shape]]


def draw(shape: str, look: Look, random: np.random.Generator) -> np.ndarray:
    """One picture, uint8 RGB: place, size, turn and light vary a little within a series."""
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = (rows * look.slope[0] + columns * look.slope[1])[..., None]
    canvas = np.clip(look.ground + light + random.normal(0, 4), 0, 255).astype(np.uint8)
    middle = SIDE / 2 + look.shift + random.uniform(-3, 3, 2)
    radius = look.radius * random.uniform(0.85, 1.15)
    ink, center = look.ink.tolist(), tuple(int(value) for value in middle)
    if shape == "disc":
        cv2.circle(canvas, center, int(radius), ink, -1, cv2.LINE_AA)
    elif shape == "ring":
        cv2.circle(canvas, center, int(radius), ink, look.stroke, cv2.LINE_AA)
    else:
        for points in outline(shape, look.turn + random.uniform(-0.25, 0.25)):
            at = np.stack([points.real, points.imag], axis=1) * radius + middle
            cv2.polylines(
                canvas, [at.round().astype(np.int32)], False, ink, look.stroke, cv2.LINE_AA
            )
    noisy = canvas + random.normal(0, 5, canvas.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def name_of(parts: dict[str, str], order: list[str], separator: str) -> str:
    return separator.join(parts[key] for key in order) + ".png"


def drawn(seed: int, *, series: int = SERIES, has_series: bool = True) -> tuple[Dataset, list[str]]:
    """A dataset of every shape in every series, and each picture's series.

    Names carry four tokens in an order of the draw: class, series, take and a number. Without
    series, each picture has a look of its own, and the token of the series means nothing.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(["shape", "series", "take", "number"]).tolist()
    separator = str(random.choice(["_", "-", ".", " "]))
    stem = str(random.choice(["hand", "P", "cam", ""]))
    if not stem:
        names = ["anna", "berta", "carla", "dora", "emma", "frida", "gerda", "hanna"][:series]
    else:
        names = [f"{stem}{number + 1}" for number in range(series)]
    looks = [Look.of(random) for _ in range(series)]
    rows, pictures = [], {}
    for shape in SHAPES:
        for name, look in zip(names, looks, strict=True):
            for take in range(TAKES):
                number = int(random.integers(0, 10_000))
                parts = {
                    "shape": shape,
                    "series": name,
                    "take": f"{'t' if seed % 2 else ''}{take}",
                    "number": f"{number:04}",
                }
                locator = f"{shape}/{name_of(parts, order, separator)}"
                own = look if has_series else Look.of(random)
                pictures[locator] = draw(shape, own, random)
                rows.append((locator, shape, name))
    table = pd.DataFrame(rows, columns=["locator", "label", "series"]).sort_values("locator")
    whole = table.assign(split=UNSPLIT, bytes=1).drop(columns="series").reset_index(drop=True)
    source = Drawn(pictures, f"drawn-{seed}-{series}-{has_series}")
    return Dataset(source, whole, SHAPES), list(table["series"])
