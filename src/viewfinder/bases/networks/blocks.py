"""The blocks of a base, from its graph.

A block ends at a join (an addition or concatenation) that is on every path from input to output.
This holds for the residual, inverted, dense and inception blocks of `keras.applications`. In a
network without joins, such as VGG's, every layer with a kernel begins a block.
"""

from collections.abc import Iterator
from typing import Any

import keras

from viewfinder.bases.networks.built import HEAD

_JOINS = {"Add", "Concatenate", "Average", "Maximum"}


def blocks_of(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the blocks of a model's base from input to output, without the head.

    Args:
        model: A functional model as :func:`viewfinder.models.transfer` builds it.
    """
    base = {layer.name: layer for layer in base_layers(model)}
    graph = model.get_config()["layers"]
    # Joins may be layers or operations (`x + y`), which are in the graph only.
    joins = {entry["name"] for entry in graph if entry["class_name"] in _JOINS}
    ends = joins & _on_every_path(graph)
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
    """Return the layers below the head."""
    names = [layer.name for layer in model.layers]
    heads = [number for number, name in enumerate(names) if name.startswith(HEAD)]
    return list(model.layers[: heads[0] if heads else -1])


def _has_kernel(layer: keras.Layer) -> bool:
    return any(len(variable.shape) > 1 for variable in layer.weights)


def _on_every_path(graph: list[dict[str, Any]]) -> set[str]:
    """Return the layers and operations that are on every path from input to output."""
    order = {entry["name"]: number for number, entry in enumerate(graph)}
    last_use = dict.fromkeys(order, 0)
    for entry in graph:
        for source in _sources(entry["inbound_nodes"]):
            last_use[source] = max(last_use[source], order[entry["name"]])
    furthest = 0
    on_every_path = set()
    for name, number in order.items():
        # No earlier output is used after this layer, so every path includes it.
        if furthest <= number:
            on_every_path.add(name)
        furthest = max(furthest, last_use[name])
    return on_every_path


def _sources(nodes: Any) -> Iterator[str]:
    """Yield the layers whose outputs are a layer's inputs, from its inbound nodes."""
    if isinstance(nodes, dict):
        if "keras_history" in nodes:
            yield nodes["keras_history"][0]
        else:
            for value in nodes.values():
                yield from _sources(value)
    elif isinstance(nodes, list | tuple):
        for value in nodes:
            yield from _sources(value)
