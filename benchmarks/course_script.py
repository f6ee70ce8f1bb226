"""The course's own script for cats and dogs, as Keras runs it today: the peer of `train.py`.

    python benchmarks/course_script.py DATA --epochs 15 [--augment]

DATA holds train/ and validation/. It prints its history as JSON.
"""

import argparse
import json

import keras
from keras import layers
from keras.src.legacy.preprocessing.image import ImageDataGenerator

# The course's augmentation, in its own words.
COURSE = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--augment", action="store_true")
    options = parser.parse_args()
    training = ImageDataGenerator(rescale=1 / 255, **(COURSE if options.augment else {}))
    judging = ImageDataGenerator(rescale=1 / 255)
    form = {"target_size": (150, 150), "batch_size": 20, "class_mode": "binary"}
    model = network()
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001),
        metrics=["accuracy"],
    )
    history = model.fit(
        training.flow_from_directory(f"{options.data}/train", **form),
        epochs=options.epochs,
        validation_data=judging.flow_from_directory(f"{options.data}/validation", **form),
        verbose=0,
    )
    print(json.dumps(history.history))


def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((150, 150, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


if __name__ == "__main__":
    main()
