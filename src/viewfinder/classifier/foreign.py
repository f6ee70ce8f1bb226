"""Models that others trained: their network, classes, and the scaling of pixels before it.

What the model's file does not say is read from files beside it, such as the `labels.txt` of
Teachable Machine, or given by the caller. Nothing is guessed: the order of the classes
and the scaling decide every answer, and a wrong one raises no error.
"""

import os
from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from viewfinder.classifier.adapting import OnnxNetwork, last_activation, on_pixels, scales_itself
from viewfinder.classifier.classifier import Classifier
from viewfinder.classifier.files import HANDED, NAMES, Handed
from viewfinder.core.class_names import stated_class_names
from viewfinder.core.errors import DataError, UsageError, nearest
from viewfinder.core.records import reason
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.scaling import SCALINGS, ScalingName
from viewfinder.runtime.header import is_hdf5
from viewfinder.runtime.loading import load_model

_TEACHABLE = "keras_model.h5"
_SCALING_NAMES: dict[str, ScalingName] = {str(name): name for name in SCALINGS}
Shape = tuple[int | None, ...]


def is_teachable(folder: Path) -> bool:
    """Whether a folder is an export of Teachable Machine for Keras."""
    return all(os.path.isfile(folder / name) for name in (_TEACHABLE, NAMES))  # noqa: PTH113 (names that are too long)


def open_foreign(
    path: Path, class_names: Sequence[str] | str | Path | None, preprocessing: str | Path | None
) -> Classifier:
    """Open a model that is not a run; see :func:`viewfinder.load`."""
    model = path / _TEACHABLE if path.is_dir() else path
    notes: list[str] = []
    network: Any
    # ONNX has no signature; any other content is refused as not one of Keras's.
    if model.suffix.lower() == ".onnx":
        network = OnnxNetwork(model, is_proved=False)
        shape, outputs = network.input_shape, network.outputs
    else:
        network = load_model(model)
        shape, outputs = network.input_shape[1:], network.output_shape[-1]
        if is_hdf5(model) and model.suffix == ".keras":
            notes.append(f"{model.name} is an HDF5 file of Keras 2, whatever its name says.")
    try:
        handed = _handed(model, network, shape, preprocessing, notes)
    except UsageError as error:
        if class_names is not None or model.with_name(NAMES).is_file():
            raise
        raise _both(error, _unnamed(model, outputs)) from error
    scaling, pictures = SCALINGS[handed.scaling], handed.preprocessing.shape
    if scaling.needs_color and pictures[2] == 1:
        raise UsageError(
            f"`preprocessing={handed.scaling}` is defined for pictures in colour.",
            expected="0-1, -1-1 or 0-255 for gray pictures",
            received=f"a model of {pictures}",
        )
    if isinstance(network, OnnxNetwork):
        activation = network.adapt(scaling, pictures)
    else:
        activation = last_activation(network)
        network = on_pixels(network, pictures, scaling, activation)
    if activation == "linear":
        added = "a sigmoid" if outputs == 1 else "a softmax"
        notes.append(f"The outputs of {model.name} are logits: {added} is added.")
    elif activation == "sigmoid" and outputs != 1:
        notes.append(f"The sigmoids of {model.name} are divided by their sum.")
    classes = _classes(model, outputs, class_names, notes)
    return Classifier(network, classes, handed.preprocessing, notes=tuple(notes))


def _handed(
    model: Path,
    network: Any,
    shape: Shape,
    given: str | Path | None,
    notes: list[str],
) -> Handed:
    """Return the preprocessing and the scaling: as given, or as files say."""
    beside = model.with_name(HANDED)
    scaling = _SCALING_NAMES.get(str(given))
    if given is not None and scaling is None:
        if not os.path.isfile(given):  # noqa: PTH113 (as above)
            raise UsageError(
                f"There is no `preprocessing` {str(given)!r}.",
                expected=f"the path of a {HANDED}, or one of {', '.join(SCALINGS)}",
                remedy=nearest(str(given), SCALINGS),
            )
        beside = Path(given)
    if scaling is None and beside.is_file():
        handed = Handed.read(beside)
        _require_shape(model, shape, handed.preprocessing)
        notes.append(f"The preprocessing is that of {beside}.")
        return handed
    preprocessing = _pictures_of(model, shape)
    if scaling is not None:
        return Handed(preprocessing=preprocessing, scaling=scaling)
    if is_teachable(model.parent):
        notes.append("The preprocessing is Teachable Machine's: the centre square, from -1 to 1.")
        cropped = preprocessing.model_copy(update={"resize": "crop"})
        return Handed(preprocessing=cropped, scaling="-1-1")
    if scales_itself(network):
        return Handed(preprocessing=preprocessing)
    raise UsageError(
        f"{model} does not say how its pixels were scaled.",
        expected=f"`preprocessing`, one of {', '.join(SCALINGS)}",
        remedy="it is in the program that trained the model: `rescale=1/255` is 0-1, "
        "`preprocess_input` of MobileNet or Inception is -1-1, that of VGG or ResNet caffe, "
        "`transforms.Normalize` of PyTorch imagenet",
    )


def _require_shape(model: Path, shape: Shape, preprocessing: Preprocessing) -> None:
    takes = _without_flattening(shape)
    if len(takes) != 3 or any(
        side not in (None, ours) for side, ours in zip(takes, preprocessing.shape, strict=True)
    ):
        raise DataError(
            f"The model {model} does not fit its preprocessing.",
            expected=f"an input of {preprocessing.shape}",
            received=f"an input of {shape}",
        )


def _without_flattening(shape: Shape) -> Shape:
    """Return (height, width, channels) for rows of numbers of a square picture, or its grid."""
    if len(shape) == 1 and shape[0]:
        for channels in (1, 3):
            side = isqrt(shape[0] // channels)
            if side * side * channels == shape[0]:
                return side, side, channels
    return (*shape, 1) if len(shape) == 2 else shape


def _pictures_of(model: Path, shape: Shape) -> Preprocessing:
    """Return the preprocessing for a network's input, resized as Keras's `target_size` does."""
    takes = _without_flattening(shape)
    if len(takes) != 3 or takes[2] not in (1, 3, None):
        raise DataError(
            f"The model in {model} takes no pictures.",
            expected="an input of (height, width, channels) with 1 or 3 channels, or the numbers "
            "of a square picture in a row",
            received=f"an input of {shape}",
        )
    if takes[0] is None or takes[1] is None:
        raise UsageError(
            f"The model in {model} takes pictures of any size.",
            expected=f"`preprocessing` as the path of a {HANDED}, which states height and width",
        )
    color = "gray" if takes[2] == 1 else "rgb"
    try:
        return Preprocessing.model_validate({"height": takes[0], "width": takes[1], "color": color})
    except ValidationError as error:
        raise DataError(
            f"The model in {model} takes no pictures.",
            expected="an input of (height, width, channels) with sides within the limits",
            received=f"an input of {shape}: {reason(error)}",
        ) from error


def _classes(
    model: Path,
    outputs: int | None,
    given: Sequence[str] | str | Path | None,
    notes: list[str],
) -> tuple[str, ...]:
    """Return the classes: as given, or as `labels.txt` beside the model says."""
    beside = model.with_name(NAMES)
    if given is None and beside.is_file():
        given = beside
        notes.append(f"The classes are those of {beside}.")
    if given is None:
        raise _unnamed(model, outputs)
    names, count = stated_class_names(given), 2 if outputs == 1 else outputs
    if count is None or len(names) != count or len(set(names)) < len(names):
        raise UsageError(
            f"The names of the classes do not fit {model}.",
            expected=_wanted(outputs) if count else "a model with one row of outputs",
            received=", ".join(names),
        )
    return names


def _unnamed(model: Path, outputs: int | None) -> UsageError:
    return UsageError(
        f"{model} does not say what its classes are called.",
        expected=f"`class_names`, {_wanted(outputs)}",
        remedy="Keras sorts the names of class folders; a generator has them in class_indices",
    )


def _wanted(outputs: int | None) -> str:
    if outputs == 1:
        return "2 names: of the class that the model answers with 0, then with 1"
    return f"{outputs or 'the'} names in the order of the outputs"


def _both(first: UsageError, second: UsageError) -> UsageError:
    """Return one refusal of what two say, so that both are met at once."""
    return UsageError(
        f"{first.fact} {second.fact}",
        expected=f"{first.expected}; and {second.expected}",
        received=first.received,
        remedy="; ".join(filter(None, (first.remedy, second.remedy))),
    )
