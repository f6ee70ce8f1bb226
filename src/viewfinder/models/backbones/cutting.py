"""A network that ends at a layer in its middle."""

from collections.abc import Sequence

import keras

from viewfinder.errors import UsageError, nearest


def cut_at(network: keras.Model, cut: str | None, name: str | None = None) -> keras.Model:
    """The network up to this layer; all of it for None.

    Args:
        network: A graph of layers.
        cut: The layer's name.
        name: What messages call the network; by default its own name.

    Raises:
        UsageError: It has no such layer; the message has the nearest, and others.
    """
    if cut is None:
        return network
    names = [layer.name for layer in network.layers[1:]]
    if cut not in names:
        raise UsageError(
            f"{name or network.name} has no layer {cut!r} to be cut at.",
            remedy=_near_layers(cut, names),
        )
    return keras.Model(network.inputs, network.get_layer(cut).output, name=network.name)


def _near_layers(cut: str, names: Sequence[str]) -> str:
    """The nearest name, and those that end a block: a network has hundreds of layers."""
    ends = [name for name in names if name.endswith(("_out", "_add", "_concat", "_relu"))]
    ends = [name for name in names if name.startswith("mixed")] or ends or list(names)
    close = nearest(cut, names).partition(" (known")[0]
    return (f"{close}; " if close.startswith("did") else "") + f"among others: {_few(ends)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[-12:])} (the last 12)"
