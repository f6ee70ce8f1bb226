"""The activations of a model's units: dead units, and the largest values."""

import keras
import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.progress import Progress
from viewfinder.core.randomness import Randomness
from viewfinder.data.dataset import Dataset
from viewfinder.data.store import open_store
from viewfinder.run_folder.files import UnitsOfLayer

_BATCH = 32
_MOST_PICTURES = 256


def measure_units(dataset: Dataset, classifier: Classifier) -> list[UnitsOfLayer] | None:
    """Measure activations on up to 256 validation pictures; None if none can be read.

    Without a validation split, pictures of the first split are used.
    """
    splits = dataset.split_sizes()
    part = dataset.only("validation" if "validation" in splits else next(iter(splits)))
    chosen = Randomness(0).order("checkup", epoch=-1, examples=part.ids)[:_MOST_PICTURES]
    few = part.where(np.isin(np.arange(len(part)), chosen))
    store = open_store(few, classifier.preprocessing, budget=0, progress=Progress(0))
    pixels, _ = store.pictures(few).read(np.arange(len(few)))
    return unit_health(classifier.model, pixels) if len(pixels) else None


def unit_health(model: keras.Model, images: NDArray[np.uint8]) -> list[UnitsOfLayer]:
    """Measure the activations of a model's layers that have weights or a ReLU.

    Skips frozen layers, which no training has changed, and measures only the output of a nested
    model.

    Args:
        model: A functional or sequential model.
        images: uint8, shape (n, height, width, channels), as prepared by the preprocessing.
    """
    layers = [
        layer for layer in model.layers if layer.trainable and (layer.weights or _is_relu(layer))
    ]
    if not layers:
        return []
    probe = keras.Model(model.inputs, [layer.output for layer in layers])
    highest: list[list[NDArray[np.float64]]] = [[] for _ in layers]
    for start in range(0, len(images), _BATCH):
        outputs = probe.predict_on_batch(images[start : start + _BATCH])
        for largest, output in zip(highest, _listed(outputs), strict=True):
            values = np.abs(np.asarray(output, np.float64))
            largest.append(values.reshape(-1, values.shape[-1]).max(axis=0))
    return [
        _health(layer, np.max(largest, axis=0))
        for layer, largest in zip(layers, highest, strict=True)
    ]


def _health(layer: keras.Layer, highest: NDArray[np.float64]) -> UnitsOfLayer:
    """Return a layer's record from the largest absolute activation of each unit."""
    relu = _is_relu(layer)
    # A ReLU may turn NaN into zero, so the weights are checked, too.
    checked = [highest, *layer.get_weights()]
    is_finite = all(np.isfinite(values).all() for values in checked)
    return UnitsOfLayer(
        layer=layer.name,
        units=len(highest),
        relu=relu,
        dead=int((highest == 0).sum()) if relu else 0,
        largest=float(highest.max()) if is_finite else None,
    )


def _is_relu(layer: keras.Layer) -> bool:
    """Whether a layer's activation is zero for all negative values."""
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", "") in ("relu", "relu6")


def _listed(outputs: object) -> list[object]:
    """Return the outputs as a list; a model with one output returns no list."""
    return outputs if isinstance(outputs, list) else [outputs]
