"""Data and recipes that are small enough to train in a second or two."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from viewfinder.recipe import Recipe
from viewfinder.recipe.named import recipe_named

TRAIN_EACH, TEST_EACH = 40, 12

# As `--set` words, for the command line.
SMALL = {
    "model.kind": "conv-stack",
    "model.filters": [8],
    "model.dense": [32],
    "training.optimizer": "adam",
    "training.optimizer.learning_rate": 0.005,
    "training.schedule": "constant",
    "training.schedule.warmup": 0,
    "training.optimizer.weight_decay": 0,
    "training.loss.label_smoothing": 0,
    "training.average_epochs": 0,
    "training.augment": "none",
    "training.batch_size": 16,
    "training.epochs": 4,
    "training.stages": [],
}


def write_few_digits(root: Path, classes: int = 3) -> Path:
    """Write the first digits of each class as gray 8 × 8 PNGs: `train/0 …` and `test/0 …`."""
    digits = load_digits()
    for label in range(classes):
        positions = np.flatnonzero(digits.target == label)
        for number, position in enumerate(positions[: TRAIN_EACH + TEST_EACH]):
            folder = root / ("train" if number < TRAIN_EACH else "test") / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            levels = (digits.images[position] * 15).astype(np.uint8)
            Image.fromarray(levels).save(folder / f"{position:04}.png")
    return root


def small_recipe(**settings: Any) -> Recipe:
    """A network that learns these digits in four epochs; keys as `training__epochs=2`."""
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return recipe_named("scratch").changed(SMALL).changed(changes)


def small_words(**settings: Any) -> list[str]:
    """The same as words of the command line."""
    changes = SMALL | {key.replace("__", "."): value for key, value in settings.items()}
    return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]


def copied(folder: Path, to: Path) -> Path:
    """A copy of a run or dataset that a test may change."""
    return Path(shutil.copytree(folder, to / folder.name))
