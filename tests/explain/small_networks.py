"""Small networks with weights that do not depend on the backend."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from viewfinder.classifier import Classifier
from viewfinder.pictures.preprocessing import Preprocessing

SIDE = 16
SHAPE = (SIDE, SIDE, 3)


def _base(inputs: object, name: str = "") -> object:
    x = layers.Rescaling(1 / 255, name=f"{name}scale")(inputs)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"{name}conv_1")(x)
    x = layers.BatchNormalization(name=f"{name}norm_1")(x)
    x = layers.ReLU(name=f"{name}relu_1")(x)
    x = layers.MaxPooling2D(name=f"{name}pool_1")(x)
    return layers.Conv2D(5, 3, activation="relu", name=f"{name}conv_2")(x)


def functional(classes: int = 3) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D(name="average")(_base(inputs))
    return keras.Model(inputs, layers.Dense(classes, "softmax", name="probability")(x))


def binary() -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D(name="average")(_base(inputs))
    return keras.Model(inputs, layers.Dense(1, "sigmoid", name="probability")(x))


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, activation="relu", name="conv_1"),
            layers.AveragePooling2D(2, name="pool_1"),
            layers.DepthwiseConv2D(3, activation="relu", name="deep"),
            layers.Flatten(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def residual() -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch")(x)
    x = layers.ReLU(name="last_relu")(layers.Add(name="sum")([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Activation("softmax")(layers.Dense(3)(x)))


def nested() -> keras.Model:
    inner = keras.Input(SHAPE)
    base = keras.Model(inner, _base(inner), name="base")
    head = keras.Sequential([layers.GlobalMaxPooling2D(), layers.Dense(3, "softmax")], name="head")
    return keras.Sequential([keras.Input(SHAPE), base, head])


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(4, 3, activation="relu", name="conv")
        self.average = layers.GlobalAveragePooling2D()
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, inputs: object) -> object:
        return self.dense(self.average(self.conv(inputs)))


def subclassed() -> keras.Model:
    model = Subclassed()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


KINDS: dict[str, Callable[[], keras.Model]] = {
    one.__name__: one for one in (functional, binary, sequential, residual, nested, subclassed)
}
# The last map before the head, by kind.
LAST = {
    "functional": "conv_2",
    "binary": "conv_2",
    "sequential": "deep",
    "residual": "last_relu",
    "nested": "base/conv_2",
    "subclassed": "conv",
}


def made(kind: str) -> keras.Model:
    """Return a network whose weights come from NumPy, in the order of the weights."""
    model = KINDS[kind]()
    random = np.random.default_rng(5)
    weights = [random.normal(0.1, 0.5, one.shape) for one in model.get_weights()]
    model.set_weights([np.abs(one) if one.ndim == 1 else one for one in weights])
    return model


def pictures(count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


def classifier_of(model: keras.Model) -> Classifier:
    classes = ("cats", "dogs", "owls")[: max(2, model.output_shape[-1])]
    return Classifier(model, classes, Preprocessing(height=SIDE, width=SIDE))
