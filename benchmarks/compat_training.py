"""The course's network, fed by the drop-in `ImageDataGenerator` and by Keras's own class.

    python benchmarks/compat_training.py [--smoke]

480 photos of cats and dogs at 96 × 96 with the course's augmentation, 8 epochs, and 200 photos of
validation. For each of three seeds, which network and batches share: the best validation accuracy.
"""

import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import keras
from keras.src.legacy.preprocessing import image as keras_image

import harness
import photos
from compat import COURSE
from viewfinder import compat

SIDE = 96
SETTINGS = {"target_size": (SIDE, SIDE), "batch_size": 20, "class_mode": "binary"}


def some(source: Path, target: Path, count: int) -> Path:
    """The first pictures of each class, as a folder."""
    for label in ("cats", "dogs"):
        (target / label).mkdir(parents=True)
        for path in sorted((source / label).iterdir())[:count]:
            shutil.copy(path, target / label)
    return target


def network() -> keras.Model:
    layers = [keras.Input((SIDE, SIDE, 3))]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(512, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.RMSprop(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return model


def best_accuracy(module: ModuleType, train: Path, held_out: Path, seed: int, epochs: int) -> float:
    keras.utils.set_random_seed(seed)
    fed = module.ImageDataGenerator(**COURSE).flow_from_directory(train, seed=seed, **SETTINGS)
    plain = module.ImageDataGenerator(rescale=1 / 255)
    validation = plain.flow_from_directory(held_out, shuffle=False, **SETTINGS)
    history = network().fit(fed, epochs=epochs, validation_data=validation, verbose=0).history
    return max(history["val_accuracy"])


def main() -> None:
    options = harness.arguments("The course's network through either ImageDataGenerator.")
    epochs, counts = (1, (10, 5)) if options.smoke else (8, (240, 100))
    facts: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos.folder(Path(scratch), smoke=options.smoke)
        train = some(folder / "train", Path(scratch) / "some" / "train", counts[0])
        held_out = some(folder / "validation", Path(scratch) / "some" / "validation", counts[1])
        for seed in range(1 if options.smoke else 3):
            for name, module in (("keras", keras_image), ("viewfinder", compat)):
                facts[f"{name}_seed_{seed}"] = best_accuracy(module, train, held_out, seed, epochs)
                print(f"seed {seed}, {name}: {facts[f'{name}_seed_{seed}']:.3f}", flush=True)
    print(f"saved {harness.save('compat_training', [], facts)}")


if __name__ == "__main__":
    main()
