"""Loading of weights into a network, after a comparison of all shapes.

The comparison needs the file's header only, so a file of another network is refused before its
weights take memory. The message states the differences and the network that the file fits.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np

from viewfinder.bases.catalogue import BASES, bases_with
from viewfinder.core.errors import DataError
from viewfinder.core.words import listed
from viewfinder.runtime.header import Array, Header, opened_weights

_MOST_DIFFERENCES = 3

Shapes = tuple[tuple[int, ...], ...]


def load_weights(network: keras.Model, path: Path, *, name: str) -> None:
    """Load all weights of a network, or none.

    Args:
        network: Functional, all its layers trainable, and without its top.
        path: Keras's old HDF5 (`*_no_top.h5`, `*_notop.h5`), a `.weights.h5`, or a `.keras` file.
        name: The network's name in messages.

    Raises:
        DataError: The file is not a weights file, damaged, or of another network.
    """
    most_bytes = sum(int(np.prod(weight.shape)) * 8 for weight in network.weights)
    with opened_weights(path, most_bytes) as (file, header):
        _require_fit(network, header, path, name)
        try:
            if header.layout == "legacy":
                _assign_in_order(network, file, header)
            else:
                network.load_weights(file.file.filename)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"The weights in {path} cannot be read.",
                received=str(error).splitlines()[0],
                remedy="download or save the file again",
            ) from error
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):  # it computes with a copy of its weights
            layer.finalize_state()


def _assign_in_order(network: keras.Model, file: Any, header: Header) -> None:
    """Assign weights of the old format: in the layers' order, trainable weights first."""
    arrays = iter(header.arrays)
    for layer in network.layers:
        for variable in layer.trainable_weights + layer.non_trainable_weights:
            variable.assign(np.asarray(file.file[next(arrays).path], variable.dtype))


def _require_fit(network: keras.Model, header: Header, path: Path, name: str) -> None:
    ours = [(layer.name, _shapes_of(layer)) for layer in network.layers if layer.weights]
    theirs = [(layer, _shapes(arrays)) for layer, arrays in header.layers.items()]
    if header.layout == "legacy":
        fits = [shapes for _, shapes in ours] == [shapes for _, shapes in theirs]
    else:
        # Layers have another order and other names, by which Keras finds them.
        fits = Counter(_flat(ours)) == Counter(_flat(theirs))
    if not fits:
        raise DataError(
            f"{path} holds weights of another network than {name}.",
            expected=f"{_count(ours)} ({network.count_params():,} parameters)",
            received=f"{_count(theirs)} ({header.parameters:,} parameters){_first(ours, theirs)}",
            remedy=_remedy(ours, header),
        )


def _shapes_of(layer: keras.Layer) -> Shapes:
    weights = layer.trainable_weights + layer.non_trainable_weights
    return tuple(tuple(variable.shape) for variable in weights)


def _shapes(arrays: tuple[Array, ...]) -> Shapes:
    return tuple(array.shape for array in arrays)


def _flat(layers: list[tuple[str, Shapes]]) -> list[tuple[int, ...]]:
    return [shape for _, shapes in layers for shape in shapes]


def _count(layers: list[tuple[str, Shapes]]) -> str:
    return f"{len(layers)} layers with weights"


def _first(ours: list[tuple[str, Shapes]], theirs: list[tuple[str, Shapes]]) -> str:
    """Describe the first differences: missing layers, or other shapes."""
    known = {name for name, _ in theirs}
    missing = [name for name, _ in ours if name not in known]
    # Old files may have layers under other names; their order then identifies them.
    if 0 < len(missing) < len(ours) / 2:
        return f"; without {listed(missing, _MOST_DIFFERENCES)}"
    unlike = [
        f"{name}: {_in_words(their)} instead of {_in_words(our)}"
        for (name, our), (_, their) in zip(ours, theirs, strict=False)
        if our != their
    ]
    return f"; {listed(unlike, _MOST_DIFFERENCES, separator='; ')}" if unlike else ""


def _in_words(shapes: Shapes) -> str:
    return " + ".join("×".join(map(str, shape)) or "1" for shape in shapes)


def _remedy(ours: list[tuple[str, Shapes]], header: Header) -> str:
    """Name the network that the file fits, by its number of parameters."""
    fitting = bases_with(header.parameters)
    if fitting:
        return f"the file fits {_named(*fitting[0])}"
    top = list(header.layers.values())[-1:] if header.layout == "legacy" else []
    below = header.parameters - sum(array.size for arrays in top for array in arrays)
    if len(header.layers) > len(ours) or bases_with(below):
        whose = f" of {_named(*bases_with(below)[0])}" if bases_with(below) else ""
        return f"the file includes the top{whose}: use the one without it (no_top, notop)"
    nearest = min(
        ((base.name, alpha) for base in BASES.values() for alpha in base.widths),
        key=lambda base: abs(BASES[base[0]].widths[base[1]] - header.parameters),
    )
    return f"no base has as many parameters; the nearest in size is {_named(*nearest)}"


def _named(name: str, alpha: float) -> str:
    return f"`base={name}`" + (f" `alpha={alpha:g}`" if BASES[name].has_alpha else "")
