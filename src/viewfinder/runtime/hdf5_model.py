"""Models in HDF5, as Keras 1 and 2 save them (`.h5`), built for Keras 3.

The configuration is translated: Keras 1 had other names, and Keras 3 refuses settings that Keras 2
wrote for layers that do not use them. Initializers are left out, because the weights are stored.
Weights are assigned only after all of them have been compared with the layers by shape and kind.
"""

import json
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.core.errors import DataError
from viewfinder.runtime.header import Array, Header, opened_weights

if TYPE_CHECKING:
    import keras

Config = dict[str, Any]

_MOST_CONFIG = 4 << 20

# Keras 1's names of layers and settings, and those of Keras 3.
_LAYERS = {
    "Convolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
}
_SETTINGS = {
    "nb_filter": "filters",
    "output_dim": "units",
    "border_mode": "padding",
    "subsample": "strides",
    "bias": "use_bias",
    "p": "rate",
}
# What Keras 3 does not know, and a loaded model does not need.
_LEFT_OUT = ("_initializer", "_init", "input_dtype", "input_dim", "batch_input_shape")
_WITHOUT_EFFECT = (None, False, 1, 0)
# The ends of the names of weights that Keras 1 called otherwise.
_KINDS = {"running_mean": "moving_mean", "running_std": "moving_variance"}
_KNOWN_KINDS = ("gamma", "beta", "moving_mean", "moving_variance")


def read_config(path: Path) -> tuple[Config, Header]:
    """Return a model's configuration, and the header of its weights.

    Raises:
        DataError: The file is missing, damaged or unsafe, or has weights only.
    """
    with opened_weights(path, path.stat().st_size) as (group, header):
        attributes = group.file.attrs
        if "model_config" not in attributes:
            raise DataError(
                f"{path} holds weights without a network.",
                expected="a whole model, as model.save('NAME.keras') or model.save('NAME.h5') "
                "writes it",
                remedy="build the network in Python, load the weights with model.load_weights(…), "
                "and save the whole model",
            )
        try:
            if attributes.get_id("model_config").get_storage_size() > _MOST_CONFIG:
                raise ValueError("a configuration of more than 4 MB")
            config = json.loads(attributes["model_config"])
            if not isinstance(config, dict):
                raise ValueError(f"it is a {type(config).__name__}")
            return config, header
        except (ValueError, TypeError, RuntimeError) as error:
            raise DataError(
                f"The configuration in {path} cannot be read.", received=str(error)
            ) from error


def _layer(part: Config) -> Config:
    """Translate a layer, and the layers in it."""
    name = str(_LAYERS.get(part["class_name"], part["class_name"]))
    given = part["config"]
    if name == "Sequential":
        layers = given if isinstance(given, list) else given["layers"]  # Keras 1 has the list only
        around = {} if isinstance(given, list) else given
        config = {"name": around.get("name", "sequential"), "layers": _from_input(layers)}
    elif "layers" in given:
        config = {**given, "layers": [_layer(inner) for inner in given["layers"]]}
        for key in ("input_layers", "output_layers"):
            if len(given[key]) == 1:  # in a list, Keras 3 gives a tensor in a list
                (config[key],) = given[key]
        name = "Functional"
    else:
        config = _settings(name, given)
    return {**part, "class_name": name, "config": config}


def _from_input(layers: list[Config]) -> list[Config]:
    """Translate a sequence of layers; its input is a layer, where Keras 1 and 2 had a setting."""
    if not layers:
        raise ValueError("a network without layers")
    first, translated = layers[0]["config"], [_layer(inner) for inner in layers]
    shape = isinstance(first, dict) and first.get("batch_input_shape")
    if not shape or layers[0]["class_name"] == "InputLayer":
        return translated
    config = {"name": f"{first['name']}_input", "batch_shape": shape}
    return [{"class_name": "InputLayer", "config": config}, *translated]


def _settings(name: str, given: Config) -> Config:
    """Translate the settings of a layer."""
    from keras import layers

    config = {
        _SETTINGS.get(key, key): value
        for key, value in given.items()
        if key != "init" and not key.endswith(_LEFT_OUT)
    }
    if name == "InputLayer" and "batch_input_shape" in given:
        config["batch_shape"] = given["batch_input_shape"]
    if "nb_row" in config:
        config["kernel_size"] = [config.pop("nb_row"), config.pop("nb_col")]
    if (order := config.pop("dim_ordering", "tf")) != "tf":
        raise ValueError(f"the channels of {given.get('name')} are first ({order!r})")
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = config["dtype"]["config"]["name"]  # a policy of Keras 2
    known: set[str] = set()
    for base in getattr(layers, name, layers.Layer).__mro__:
        known |= signature(base.__init__).parameters.keys()
    is_kept = {
        key: key in known or not any(value is one or value == one for one in _WITHOUT_EFFECT)
        for key, value in config.items()
    }
    return {key: value for key, value in config.items() if is_kept[key]}


def built(config: Config) -> "keras.Model":
    """Build the model of a configuration from `read_config`, without its weights."""
    import keras

    whole = _layer(config)
    own = json.loads(json.dumps(whole["config"]))  # Keras changes it
    kind = keras.Sequential if whole["class_name"] == "Sequential" else keras.Model
    model = kind.from_config(own)
    if not model.built:
        raise ValueError("a network without the shape of its input")
    return model


def assign_weights(model: "keras.Model", path: Path) -> None:
    """Assign the weights in the file, layer by layer, or none.

    Raises:
        ValueError: They do not fit.
    """
    with opened_weights(path, path.stat().st_size) as (group, header):
        layers = [layer for layer in model.layers if layer.weights]
        if len(layers) != len(header.layers):
            raise ValueError(
                f"{len(header.layers)} layers with weights are stored, for {len(layers)}"
            )
        by_name = set(header.layers) == {layer.name for layer in layers}
        pairs: list[tuple[Any, Array]] = []
        for layer, arrays in zip(layers, header.layers.values(), strict=True):
            pairs += _matched(layer, header.layers[layer.name] if by_name else arrays)
        for variable, array in pairs:
            variable.assign(group.file[array.path][()])
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):  # it computes with a copy of its weights
            layer.finalize_state()


def _matched(layer: Any, arrays: tuple[Array, ...]) -> list[tuple[Any, Array]]:
    """Pair a layer's weights with the stored arrays, in the order that Keras stores them in."""
    stored = [array for array in arrays if not array.path.endswith(("/count", "/count:0"))]
    theirs = [(array.shape, _kind(array.path)) for array in stored]
    # Trainable weights come first, unless the layers inside were frozen when the file was written.
    for weights in (layer.trainable_weights + layer.non_trainable_weights, layer.weights):
        if [(tuple(one.shape), _kind(one.path)) for one in weights] == theirs:
            return list(zip(weights, stored, strict=True))
    raise ValueError(f"the stored weights of {layer.name} have other shapes: {theirs[:4]}")


def _kind(name: str) -> str | None:
    last = name.rpartition("/")[2].partition(":")[0]
    found = [kind for kind in (*_KINDS, *_KNOWN_KINDS) if last.endswith(kind)]
    return _KINDS.get(found[0], found[0]) if found else None
