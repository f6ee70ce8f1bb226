"""The examples' data: `--data FOLDER`, `--fetch`, or else small generated pictures.

The generated pictures are shapes of random size, place and colour, a shape for each class. They
only show that an example runs: its result is stated for the real data.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import viewfinder as vf

_SHAPES = ("ellipse", "rectangle", "triangle", "cross", "stripes", "ring")


def pictures(name: str, classes: list[str], *, side: int = 48, gray: bool = False) -> Path:
    """Return the folder of --data, the fetched dataset `name`, or generated pictures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="a folder of these pictures")
    parser.add_argument("--fetch", action="store_true", help=f"fetch the dataset {name}")
    options, _ = parser.parse_known_args()
    if options.data:
        return options.data
    if options.fetch:
        return vf.fetch(name)
    print(f"Generated pictures stand in for {name}: --fetch or --data FOLDER take the real ones.")
    folder = Path(tempfile.mkdtemp()) / name
    for split, count in (("train", 16), ("validation", 8)):
        for index, label in enumerate(classes):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                picture = _drawn(index, side, seed=1000 * count + 100 * index + number)
                picture = picture.convert("L") if gray else picture
                picture.save(folder / split / label / f"{number:02}.png")
    return folder


def is_generated(folder: Path) -> bool:
    """Whether these are the generated pictures."""
    return Path(tempfile.gettempdir()) in folder.parents


def short(recipe: vf.Recipe, folder: Path) -> vf.Recipe:
    """Train for two epochs on generated pictures, as the recipe says on others."""
    return recipe.changed({"training.epochs": 2}) if is_generated(folder) else recipe


def cats_and_dogs() -> tuple[Path, vf.Run]:
    """Return the photos of cats and dogs, and the run of example 9, which trains if it is missing.

    It is searched in `runs/` of the working directory.
    """
    folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])
    if Path("runs/cats-and-dogs/report.html").exists() and not is_generated(folder):
        return folder, vf.open_run("runs/cats-and-dogs")
    recipe = short(vf.recipe_named("course/cats-dogs"), folder)
    return folder, vf.train(folder, recipe, output="runs", name="cats-and-dogs")


def _drawn(index: int, side: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    ground, ink = (tuple(random.integers(low, low + 90, 3).tolist()) for low in (0, 150))
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    left, top = random.uniform(0.05, 0.4, 2) * side
    size = random.uniform(0.4, 0.55) * side
    box = (left, top, left + size, top + size)
    shape = _SHAPES[index % len(_SHAPES)]
    if shape == "ellipse":
        draw.ellipse(box, fill=ink)
    elif shape == "rectangle":
        draw.rectangle(box, fill=ink)
    elif shape == "triangle":
        draw.polygon([(left, top + size), (left + size, top + size), (left + size / 2, top)], ink)
    elif shape == "cross":
        middle = (left + size / 2, top + size / 2)
        draw.line((left, middle[1], left + size, middle[1]), ink, side // 8)
        draw.line((middle[0], top, middle[0], top + size), ink, side // 8)
    elif shape == "stripes":
        for step in range(0, side, 8):
            draw.line((0, step, side, step), ink, 2 + index)
    else:
        draw.ellipse(box, outline=ink, width=side // 10)
    return image
