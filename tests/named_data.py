"""Small stand-ins for the data that the code blocks of the docs name, by that name."""

import io
import json
import re
import shutil
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import viewfinder as vf
from small import small_recipe
from viewfinder.bases.catalogue import network_named, published_weights

LEVELS = {"cats": 60, "dogs": 180}


def noise(level: int, *shape: int) -> np.ndarray:
    return np.random.default_rng().integers(level - 50, level + 50, shape).astype(np.uint8)


def write_picture(path: Path, level: int = 60) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(level, 40, 50, 3)).save(path)


def write_classes(root: Path, count: int = 30) -> None:
    for label, level in LEVELS.items():
        for number in range(count):
            write_picture(root / label / f"{number}.png", level)


def write_splits(root: Path, splits: Iterable[str] = ("train", "validation")) -> None:
    for split in splits:
        write_classes(root / split, 24)


def write_archive(path: Path) -> None:
    write_splits(path.with_suffix(""), ["test"])
    shutil.make_archive(str(path.with_suffix("")), "zip", path.with_suffix(""))


def write_films(root: Path) -> None:
    for label, level in LEVELS.items():
        for number in range(30):
            write_picture(root / label / f"film{level + number // 3}-{number % 3}.png", level)


def write_table(path: Path, pictures: str = "photos") -> None:
    """Pictures beside a table of their paths with a label, a breed and a patient."""
    write_classes(path.parent / pictures, 30)
    rows = [
        (f"{label}/{number}.png", label, f"{label} {number % 2}", number // 2)
        for label in LEVELS
        for number in range(30)
    ]
    frame = pd.DataFrame(rows, columns=["path", "label", "breed", "patient"])
    frame["patient"] = frame["label"] + frame["patient"].astype(str)
    frame.to_csv(path, index=False)


def write_patients(path: Path) -> None:
    write_table(path, pictures=".")


def write_rows(path: Path, height: int = 48, width: int = 64, classes: int = 2) -> None:
    labels = np.arange(20 * classes) % classes
    rows = [[label, *noise(60 + 90 * label, height * width)] for label in labels.tolist()]
    columns = ["label", *(f"pixel{number + 1}" for number in range(height * width))]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def write_numbered(root: Path) -> None:
    for label in range(3):
        for number in range(20):
            write_picture(root / str(label) / f"{number}.png", 60 + 60 * label)


def write_scans(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 28, 28)).astype(np.uint16)
    np.savez(path, images=pixels, labels=np.arange(40) % 2)


def write_arrays(path: Path) -> None:
    labels = np.arange(40) % 2
    np.savez(path, **{f"x_{split}": noise(100, 40, 28, 28) for split in ("train", "test")})
    arrays = dict(np.load(path)) | {"y_train": labels, "y_test": labels}
    np.savez(path, **arrays)


def write_notebook(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cell["source"] = "from keras.optimizers import RMSprop\nrate = RMSprop(lr=0.001)\n"
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    path.write_text(json.dumps(document))


def write_network(path: Path) -> None:
    import keras

    layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(8, 3)]
    layers += [keras.layers.GlobalAveragePooling2D(name="gap"), keras.layers.Dense(2)]
    keras.Sequential(layers).save(path)


@cache
def random_weights(network: str, **options: float) -> bytes:
    """A file of random weights in the format that `keras.applications` publishes."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    keras.utils.set_random_seed(0)
    build = getattr(keras.applications, network)
    file = io.BytesIO()
    with h5py.File(file, "w") as group:
        model = build(include_top=False, weights=None, **options)
        legacy_h5_format.save_weights_to_hdf5_group(group, model)
    return file.getvalue()


def write_weights(path: Path, network: str = "MobileNetV2", **options: float) -> None:
    path.write_bytes(random_weights(network, **options))


def write_run(root: Path, **stop: object) -> None:
    """`pets`, and a run on it that has more validation pictures than prediction sets need."""
    write_classes(root / "pets")
    dataset = vf.open(root / "pets").split(0.4, 0.2, seed=0)
    recipe = small_recipe(model__filters=[8, 8, 8], input__size=[32, 32])
    if stop:
        recipe = recipe.changed({"training.stop": stop, "training.epochs": 400})
    vf.train(dataset, recipe, output=root / "runs", name="pets")


def write_saved(folder: Path) -> None:
    """A saved dataset with a journal of four entries, each of which discards a picture."""
    pets = folder.with_name("pets")
    if not pets.exists():
        write_classes(pets)
    dataset = vf.open(pets)
    for picture in ("cats/7.png", "cats/8.png", "dogs/1.png", "dogs/2.png"):
        vf.clean(dataset, folder, fixes=(), quarantine=[picture])
        dataset = vf.open(folder)


DATA: dict[str, Callable[[Path], object]] = {
    "pets": write_classes,
    "pets.dataset": write_saved,
    "more-pets": partial(write_splits, splits=["test"]),
    "more-pets.zip": write_archive,
    "chairs": write_classes,
    "photo.jpg": write_picture,
    "cat.jpg": write_picture,
    "dog.jpg": partial(write_picture, level=180),
    "DATA": write_splits,
    "data": write_splits,
    "years": partial(write_splits, splits=["2019", "2020"]),
    "labels.csv": write_table,
    "scans.csv": write_patients,
    "fashion": write_numbered,
    "rows.csv": write_rows,
    "scans.npz": write_scans,
    "arrays.npz": write_arrays,
    "figures": write_films,
    "FILE": write_weights,
    "mobilenet_v2_0.35_no_top.h5": partial(write_weights, alpha=0.35),
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5": partial(
        write_weights, network="InceptionV3"
    ),
    "mine.keras": write_network,
    "names.txt": lambda path: path.write_text("T-shirt\nTrouser\nPullover\n"),
    "contract.yaml": lambda path: path.write_text("unreadable: 0\n"),
    "my.yaml": lambda path: path.write_text("training: {epochs: 2}\n"),
    "notebook.ipynb": write_notebook,
    "notebooks": lambda folder: write_notebook(folder / "first.ipynb"),
}


def write_named(block: str, folder: Path) -> None:
    """Write into the folder what a block names and does not write itself."""
    own = re.findall(r"--output (\S+)", block)
    for name, write in DATA.items():
        if name not in own and re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", block):
            write(folder / name)


def write_weights_at_hand(block: str, cache: Path) -> None:
    """Write random weights for the networks that a block downloads by default into the cache."""
    folder = cache / "weights"
    folder.mkdir()
    named = [name for name in ("InceptionV3", "EfficientNetB0") if name in block]
    networks = [("MobileNetV2", {"alpha": 0.35}), *((name, {}) for name in ["MobileNetV2", *named])]
    for network, options in networks:
        published = published_weights(network_named(network), options.get("alpha"))
        write_weights(folder / published.name, network, **options)
