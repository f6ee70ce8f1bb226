"""From a folder of photos to batches, and what feeding a training costs.

    python benchmarks/batches.py [--smoke] [--rounds N]

The first epoch begins with nothing but the files: Viewfinder's store is built anew in each round.
All batches are 32 pictures of 150 × 150. The peers work as their documentation has it, on as many
threads as they take by themselves; Viewfinder on two.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

import harness
import photos
from course_script import COURSE, network
from viewfinder.augment import Plan, policy
from viewfinder.augment.batches import Batches
from viewfinder.data.dataset import Dataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.store import open_store
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.training import BatchDataset

SIDE, BATCH, WORKERS = 150, 32, 2
PREPROCESSING = Preprocessing(height=SIDE, width=SIDE)

Contestants = dict[str, Callable[[], object]]


def main() -> None:
    options = harness.arguments("Folder to batches against the peers.", rounds=5)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["VIEWFINDER_CACHE"] = str(Path(scratch) / "cache")
        folder = subset(Path(scratch), smoke=options.smoke)
        dataset = open_dataset(folder)
        results = []
        # Training comes first: after the readers its rounds were seen to take twice as long.
        for case in (training(dataset, smoke=options.smoke), *reading(folder, dataset)):
            results.append(harness.measure(case, options.rounds))
            harness.show(results[-1])
    facts = {"side": SIDE, "batch": BATCH, "workers": WORKERS, "photos": len(dataset)}
    print(f"\nsaved {harness.save('batches', results, facts)}")


def subset(scratch: Path, *, smoke: bool) -> Path:
    """Links to 640 of the photos, in two class folders."""
    files = sorted((photos.folder(scratch, smoke=smoke) / "train").glob("*/*.jpg"))
    for file in files[:: max(1, len(files) // 640)]:
        target = scratch / "subset" / file.parent.name
        target.mkdir(parents=True, exist_ok=True)
        (target / file.name).symlink_to(file)
    return scratch / "subset"


def reading(folder: Path, dataset: Dataset) -> list[harness.Case]:
    plain, course = policy("none"), policy("course")
    directory = from_directory(folder)
    smooth = antialiased(folder)
    layers = random_layers()
    varied = directory.map(lambda images, labels: (layers(images, training=True), labels))
    generator = ImageDataGenerator(**COURSE)
    flow = generator.flow_from_directory(folder, target_size=(SIDE, SIDE), batch_size=BATCH)
    each = len(dataset)
    warm = open_store(dataset, PREPROCESSING)
    return [
        harness.Case(
            "folder → plain batches, first epoch",
            {
                "viewfinder": lambda: exhaust(first_epoch(dataset, plain)),
                "image_dataset_from_directory": lambda: exhaust(directory),
                "the same with antialiasing": lambda: exhaust(smooth),
            },
            each,
            "viewfinder",
        ),
        harness.Case(
            "folder → batches with the course policy, first epoch",
            {
                "viewfinder": lambda: exhaust(first_epoch(dataset, course)),
                "flow_from_directory": lambda: exhaust(itertools.islice(flow, len(flow))),
                "image_dataset_from_directory + layers": lambda: exhaust(varied),
            },
            each,
            "viewfinder",
        ),
        harness.Case(
            "batches with the course policy, later epochs",
            {
                "viewfinder": lambda: exhaust(batches(dataset, warm, course).epoch(1)),
                "flow_from_directory": lambda: exhaust(itertools.islice(flow, len(flow))),
            },
            each,
            "viewfinder",
        ),
    ]


def first_epoch(dataset: Dataset, plan: Plan) -> Iterable[object]:
    shutil.rmtree(os.environ["VIEWFINDER_CACHE"], ignore_errors=True)
    return batches(dataset, open_store(dataset, PREPROCESSING, workers=WORKERS), plan).epoch(0)


def batches(dataset: Dataset, store: object, plan: Plan) -> Batches:
    return Batches(
        store.pictures(dataset),
        dataset.labels,
        dataset.ids,
        batch_size=BATCH,
        plan=plan,
        shuffle=True,
        workers=WORKERS,
    )


def from_directory(folder: Path) -> tf.data.Dataset:
    found = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=BATCH, verbose=False
    )
    return found.prefetch(tf.data.AUTOTUNE)


def antialiased(folder: Path) -> tf.data.Dataset:
    """What `image_dataset_from_directory` does, with the antialiasing that our resizing has."""

    def read(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        return tf.image.resize(pixels, (SIDE, SIDE), antialias=True)

    paths = tf.data.Dataset.from_tensor_slices(sorted(map(str, folder.glob("*/*.jpg"))))
    found = paths.shuffle(1024).map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH)
    return found.map(lambda pixels: (pixels, 0)).prefetch(tf.data.AUTOTUNE)


def random_layers() -> keras.Sequential:
    """The course's settings in Keras's own layers."""
    return keras.Sequential(
        [
            keras.layers.RandomRotation(40 / 360, fill_mode="nearest"),
            keras.layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
            keras.layers.RandomZoom((-0.2, 0.2), (-0.2, 0.2), fill_mode="nearest"),
            keras.layers.RandomFlip("horizontal"),
        ]
    )


def training(dataset: Dataset, *, smoke: bool) -> harness.Case:
    """An epoch of the course's network: fed by us, against one constant batch in memory."""
    model = network()
    model.compile(loss="binary_crossentropy", optimizer="rmsprop")
    store = open_store(dataset, PREPROCESSING)
    fed = BatchDataset(batches(dataset, store, policy("course")))
    images, labels = fed[0]
    steps = 2 if smoke else fed.num_batches
    constant = tf.data.Dataset.from_tensors((images, labels)).cache().repeat(steps)
    return harness.Case(
        "training the course's network with the course policy",
        {
            "fed by viewfinder": lambda: model.fit(fed, shuffle=False, verbose=0),
            "one constant batch": lambda: model.fit(constant, verbose=0),
        },
        steps * BATCH,
        "fed by viewfinder",
    )


def exhaust(iterable: Iterable[object]) -> None:
    for batch in iterable:
        np.asarray(batch[0])


if __name__ == "__main__":
    main()
