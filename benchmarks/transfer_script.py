"""The course's way to a strong model, as Keras runs it today: the peer of `transfer.py`.

    python benchmarks/transfer_script.py DATA [--base NAME] --weights FILE|none --epochs 10

A frozen base, MobileNetV2 (alpha 0.35) or EfficientNetLite0, stands inside the graph and runs in
every step of every epoch. Keras lacks the latter, so Viewfinder builds it; its weights come from
`viewfinder[base]`. DATA holds train/ and validation/. It prints its history, and the seconds of
the fit, as JSON.
"""

import argparse
import json
import time

import keras
from keras import layers

SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--base", default="MobileNetV2")
    parser.add_argument("--weights", default="none", help="of MobileNetV2")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    form = {"image_size": (SIDE, SIDE), "batch_size": 32, "label_mode": "binary"}
    training = keras.utils.image_dataset_from_directory(f"{options.data}/train", **form)
    judging = keras.utils.image_dataset_from_directory(
        f"{options.data}/validation", shuffle=False, **form
    )
    model = network(options.base, None if options.weights == "none" else options.weights)
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        metrics=["accuracy"],
    )
    began = time.perf_counter()
    history = model.fit(
        training.prefetch(2),
        epochs=options.epochs,
        validation_data=judging.prefetch(2),
        verbose=0,
    )
    print(json.dumps({**history.history, "fit_s": time.perf_counter() - began}))


def network(name: str, weights: str | None) -> keras.Model:
    shape = (SIDE, SIDE, 3)
    inputs = keras.Input(shape)
    if name == "MobileNetV2":
        base = keras.applications.MobileNetV2(
            input_shape=shape, alpha=0.35, include_top=False, weights=weights
        )
        x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    else:
        from viewfinder.models import build_base

        base, x = build_base(name, input_shape=shape).model, inputs  # it scales the pixels itself
    base.trainable = False
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.2)(x)))


if __name__ == "__main__":
    main()
