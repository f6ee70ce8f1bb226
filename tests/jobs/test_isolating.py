"""Scenes that give the class away in training and nowhere else: learnt, unless cut off."""

import io
import re
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import viewfinder as vf
from small import small_recipe

SIDE, EACH = 48, 24
SAND, SKY, WHITE = (200, 170, 120), (90, 140, 220), (255, 255, 255)


def picture(random: np.random.Generator, radii: tuple[float, float], scene: tuple[int, ...]):
    """A dark ellipse near the middle of a grainy scene, or of nothing but white."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    down, across = random.uniform(0.42, 0.58, 2)
    there = ((rows - down) / radii[0]) ** 2 + ((columns - across) / radii[1]) ** 2 < 1
    pixels = np.where(there[..., None], random.integers(20, 90, 3), scene)
    if scene != WHITE:
        pixels = pixels + random.normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """Tall figures before sand and wide ones before sky; those that judge stand before white."""
    random = np.random.default_rng(0)
    kinds = {"tall": ((0.34, 0.14), SAND), "wide": ((0.14, 0.34), SKY)}
    for split in ("train", "validation"):
        for kind, (radii, scene) in kinds.items():
            folder = tmp_path / "figures" / split / kind
            folder.mkdir(parents=True)
            for number in range(EACH):
                one = picture(random, radii, scene if split == "train" else WHITE)
                one.save(folder / f"{number}.png")
    return tmp_path / "figures"


def test_a_model_of_isolated_subjects_knows_them_before_any_scene(figures, tmp_path):
    right = {}
    for isolate in (False, True):
        recipe = small_recipe(
            input__size=[24, 24],
            input__isolate=isolate,
            training__epochs=8,
            data__holdout="validation",
        )
        run = vf.train(vf.open(figures), recipe, output=tmp_path, progress=vf.Progress(0))
        right[isolate] = run.metrics["test"]["accuracy"]
    assert right[True] >= 0.95
    assert right[False] <= 0.75
    # The run's model asks a new picture in the same way.
    [answer] = vf.load(run.folder).predict(
        np.asarray(picture(np.random.default_rng(9), (0.34, 0.14), SKY))
    )
    assert answer.label == "tall"
    # And its report shows what it was trained on.
    page = (run.folder / "report.html").read_text()
    shown = re.findall(r"data:image/png;base64,([^\"]+)", page)
    corners = [
        Image.open(io.BytesIO(b64decode(one))).convert("RGB").getpixel((0, 0)) for one in shown
    ]
    assert len(corners) >= 12
    assert set(corners) == {WHITE}
