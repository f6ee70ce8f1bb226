"""The blocks of a base, told from its graph: where it is one tensor wide, a block may end.

Blocks end at a join (an addition or concatenation) that every path goes through: the residual,
inverted, dense and inception blocks of `keras.applications` alike. In a network without joins,
such as VGG's, every layer with a kernel begins one.
"""

from collections.abc import Iterator
from typing import Any

import keras

from viewfinder.bases.networks.backbone import HEAD

_JOINS = {"Add", "Concatenate", "Average", "Maximum"}


def blocks_of(model: keras.Model) -> list[list[keras.Layer]]:
    """A model's base as blocks, from the pixels up; its head is left out.

    Args:
        model: A functional model as :func:`viewfinder.models.transfer` builds them.
    """
    base = {layer.name: layer for layer in base_layers(model)}
    graph = model.get_config()["layers"]
    narrow = _narrow_places(graph)
    # Joins may be layers or bare operations (`x + y`), which are in the graph only.
    ends = {entry["name"] for entry in graph if entry["class_name"] in _JOINS} & narrow
    blocks: list[list[keras.Layer]] = [[]]
    for name in (entry["name"] for entry in graph):
        layer = base.get(name)
        if not ends and layer and _has_kernel(layer) and any(map(_has_kernel, blocks[-1])):
            blocks.append([])
        if layer:
            blocks[-1].append(layer)
        if name in ends:
            blocks.append([])
    return [block for block in blocks if any(layer.weights for layer in block)]


def base_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers below the head."""
    names = [layer.name for layer in model.layers]
    heads = [number for number, name in enumerate(names) if name.startswith(HEAD)]
    return list(model.layers[: heads[0] if heads else -1])


def _has_kernel(layer: keras.Layer) -> bool:
    return any(len(variable.shape) > 1 for variable in layer.weights)


def _narrow_places(graph: list[dict[str, Any]]) -> set[str]:
    """The layers and operations that every path from pixels to answer goes through."""
    order = {entry["name"]: number for number, entry in enumerate(graph)}
    furthest = 0
    narrow = set()
    reach = dict.fromkeys(order, 0)
    for entry in graph:
        for source in _sources(entry["inbound_nodes"]):
            reach[source] = max(reach[source], order[entry["name"]])
    for name, number in order.items():
        # Nothing from before this place is used after it, so all paths go through it.
        if furthest <= number:
            narrow.add(name)
        furthest = max(furthest, reach[name])
    return narrow


def _sources(nodes: Any) -> Iterator[str]:
    """The layers whose outputs a layer is called on, from its part of a model's configuration."""
    if isinstance(nodes, dict):
        if "keras_history" in nodes:
            yield nodes["keras_history"][0]
        else:
            for value in nodes.values():
                yield from _sources(value)
    elif isinstance(nodes, list | tuple):
        for value in nodes:
            yield from _sources(value)
