"""A model of the user's own as a backbone: one that was built in Python, or saved in a file."""

from dataclasses import replace
from typing import Any

import keras

from viewfinder.bases.from_file import FromFile
from viewfinder.bases.networks.backbone import Backbone
from viewfinder.bases.networks.copying import as_one_layer, copied, is_graph
from viewfinder.bases.networks.layers import cut_at, freeze
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.runtime.loading import load_model


def wrap_backbone(
    model: keras.Model, *, input_shape: tuple[int, int, int] | None = None, cut: str | None = None
) -> Backbone:
    """A model of your own as a backbone.

    Args:
        model: Built; takes pixels from 0 to 255 and gives features. A functional or sequential
            model is copied and the copy frozen; of other kinds, the model itself is used and
            frozen, and cannot be cut.
        input_shape: (height, width, channels) in pixels; None where the model itself fixes it.
        cut: Ends the model at this layer.

    Raises:
        UsageError: It has several inputs or outputs, takes other pictures, or has no such layer.
    """
    if is_graph(model):
        network = copied(cut_at(model, cut), input_shape)
    elif cut is not None:
        raise UsageError(
            f"{model.name} cannot be cut.",
            expected="a functional or sequential model, whose layers are a graph",
            received=f"a model of the class {type(model).__name__}",
        )
    elif input_shape is None:
        raise UsageError(
            f"The input of {model.name} is open.",
            expected="input_shape, as (height, width, channels)",
            received="None",
        )
    else:
        network = as_one_layer(model, input_shape)
    return Backbone(
        name=model.name,
        model=freeze(network),
        preprocessing_words="whatever the model itself does with pixels from 0 to 255",
        weights="given",
        cut=cut,
    )


def build_own(
    base: FromFile,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """The model in a file, whose content was looked at before, as a backbone.

    Args:
        base: Which.
        input_shape: (height, width, channels) in pixels.
        cut: Ends it at this layer.
        progress: Is told where the model ends in probabilities, which are poor features.

    Raises:
        UsageError: It takes other pictures, or has no such layer.
        DataError: Keras cannot load it, or has to run code that is in it.
    """
    model = load_model(base.path)
    if progress and cut is None and (last := _above_features(model)):
        progress.say(
            f"{base.label} ends in probabilities, which say little; "
            f"--cut {last} ends it before them.",
            style="yellow",
        )
    if is_graph(model):
        cut_at(model, cut, base.label)  # a wrong cut is said with the name that the user gave
    backbone = wrap_backbone(model, input_shape=input_shape, cut=cut)
    return replace(backbone, name=base.label, weights=str(base.path))


def _above_features(model: keras.Model) -> str | None:
    """The layer whose outputs become probabilities; None where the model ends otherwise."""
    passed = keras.layers.InputLayer, keras.layers.Dropout
    layers: list[Any] = [one for one in model.layers if not isinstance(one, passed)]
    if len(layers) < 2:
        return None
    activation = getattr(getattr(layers[-1], "activation", None), "__name__", "")
    if isinstance(layers[-1], keras.layers.Softmax) or activation in ("softmax", "sigmoid"):
        return str(layers[-2].name)
    return None
