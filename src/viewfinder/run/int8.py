"""Runs whose model predicts in 8 bits, and how it agrees with the one in float32."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.core.files import written_whole
from viewfinder.data.dataset import Dataset
from viewfinder.data.store.live import some_pixels
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.runtime.onnx import OnnxModel
from viewfinder.runtime.quantizing import CALIBRATING, INT8, Agreement, quantized

_COMPARED = 128


def compared_pixels(dataset: Dataset, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return up to 128 prepared pictures, of the first split of test, validation and training."""
    split = next(one for one in ("test", "validation", "train") if one in dataset.split_sizes())
    return some_pixels(dataset.only(split), preprocessing, _COMPARED)


def write_int8(path: Path, model: Classifier, dataset: Dataset) -> Agreement:
    """Replace an exported network by the same in 8 bits.

    Args:
        path: The ONNX file.
        model: The model that it was exported from.
        dataset: The run's pictures; ranges are measured on those of training.

    Returns:
        How both predict, as stored in the facts of the file.

    Raises:
        OutputError: The file cannot be written.
    """
    import onnx

    preprocessing = model.preprocessing
    network = onnx.load(path)
    small = quantized(network, some_pixels(dataset.only("train"), preprocessing, CALIBRATING))
    in_int8 = Classifier(OnnxModel(small.SerializeToString()), model.classes, preprocessing)
    pixels = compared_pixels(dataset, preprocessing)
    agreement = Agreement.of(model.probabilities(pixels), in_int8.probabilities(pixels))
    facts = {one.key: one.value for one in network.metadata_props}
    onnx.helper.set_model_props(small, {**facts, INT8: agreement.to_json()})
    with written_whole(path) as temporary:
        onnx.save(small, temporary)
    return agreement
