"""The user's own model as a built base, built in Python or saved in a file."""

from dataclasses import replace
from typing import Any

import keras

from viewfinder.bases.from_file import FromFile
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.copying import as_one_layer, copied
from viewfinder.bases.networks.layers import cut_at, freeze
from viewfinder.core.errors import UsageError
from viewfinder.core.progress import Progress
from viewfinder.runtime.features import is_graph
from viewfinder.runtime.loading import load_model


def wrap_base(
    model: keras.Model, *, input_shape: tuple[int, int, int] | None = None, cut: str | None = None
) -> BuiltBase:
    """Wrap your own model as a built base.

    Args:
        model: A built model from pixels of 0 to 255 to features. A functional or sequential model
            is copied and the copy frozen; any other model is frozen itself, and cannot be cut.
        input_shape: (height, width, channels) in pixels; None where the model fixes it.
        cut: The layer at which the model ends; None for the last.

    Raises:
        UsageError: The model has several inputs or outputs, takes other pictures, or has no such
            layer.
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
            f"{model.name} has no fixed input shape.",
            expected="`input_shape` as (height, width, channels)",
            received="None",
        )
    else:
        network = as_one_layer(model, input_shape)
    return BuiltBase(
        name=model.name,
        model=freeze(network),
        weights="given",
        cut=cut,
    )


def build_own(
    base: FromFile,
    *,
    input_shape: tuple[int, int, int],
    cut: str | None = None,
    progress: Progress | None = None,
) -> BuiltBase:
    """Load the model of a checked file as a built base, with a warning if it ends in probabilities.

    Arguments and errors are those of `build_from`; DataError also where loading would run code.
    """
    model = load_model(base.path)
    if progress and cut is None and (last := _above_features(model)):
        progress.say(
            f"{base.label} ends in probabilities, which are poor features; "
            f"`cut={last}` ends it before them.",
            style="yellow",
        )
    if is_graph(model):
        cut_at(model, cut, base.label)  # an error names the base as the user does
    built = wrap_base(model, input_shape=input_shape, cut=cut)
    return replace(built, name=base.label, weights=str(base.path))


def _above_features(model: keras.Model) -> str | None:
    """Return the layer before the final probabilities; None where the model ends otherwise."""
    skipped = keras.layers.InputLayer, keras.layers.Dropout
    layers: list[Any] = [layer for layer in model.layers if not isinstance(layer, skipped)]
    if len(layers) < 2:
        return None
    activation = getattr(getattr(layers[-1], "activation", None), "__name__", "")
    if isinstance(layers[-1], keras.layers.Softmax) or activation in ("softmax", "sigmoid"):
        return str(layers[-2].name)
    return None
