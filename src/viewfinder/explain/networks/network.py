"""`Network`: any Keras model as the list of layers that run, with their values and gradients.

A model runs once on one picture, and each layer's call is recorded. That works alike for
sequential, functional, nested and subclassed models, and needs no second graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from viewfinder.core.errors import UsageError
from viewfinder.runtime.features import is_graph
from viewfinder.runtime.gradients import gradient

Values = NDArray[np.float32]

CONVOLUTIONS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.Conv2DTranspose,
)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
_GLOBAL = (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D)
# Layers that change no position: a convolution's values are shown after them.
AFTER = (layers.BatchNormalization, layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU)

_BATCH = 16
_NEAR, _MOST_NAMED = 3, 12


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a layer.

    Attributes:
        name: The layer's name, after the names of the models around it: `base/conv_1`.
        layer: The layer.
        inputs: The tensors that it took.
        output: The tensor that it returned.
    """

    name: str
    layer: keras.Layer
    inputs: tuple[Any, ...]
    output: Any

    @property
    def is_map(self) -> bool:
        """Whether the output is (1, height, width, channels) of more than one position."""
        shape = tuple(self.output.shape)
        return len(shape) == 4 and shape[1] * shape[2] > 1


class Network:
    """A model, and the steps of its layers on one picture.

    While a method runs, the model's layers must not be called from another thread.

    Args:
        model: Maps pixels to one sigmoid or a softmax; called in inference mode.
        picture: One picture as the model takes it, (height, width, channels).

    Raises:
        UsageError: The model does not map a picture to one row of numbers.
    """

    def __init__(self, model: keras.Model, picture: NDArray[Any]) -> None:
        _require_pictures(model, picture)
        self.model = model
        self.steps: list[Step] = []
        names = _names(model)

        def record(layer: keras.Layer, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
            output = call(*args, **named)
            if keras.ops.is_tensor(output):
                taken = filter(keras.ops.is_tensor, keras.tree.flatten((args, named)))
                self.steps.append(Step(names[layer.name, id(layer)], layer, tuple(taken), output))
            return output

        with _intercepted(list(every_leaf(model)), record):
            self.input = keras.ops.convert_to_tensor(_float(picture[None]))
            output = self._called(self.input)
        if not keras.ops.is_tensor(output) or len(output.shape) != 2:
            raise UsageError(
                f"The model {model.name} is not a classifier.",
                expected="one output of shape (pictures, classes)",
                received=f"{keras.tree.map_structure(lambda one: tuple(one.shape), output)}",
            )
        self._output = output

    @property
    def maps(self) -> list[Step]:
        """The steps whose output is a map of positions and channels."""
        return [step for step in self.steps if step.is_map]

    def step(self, name: str) -> Step:
        """Return the last step of the layer with this name, whole or without models around it.

        Raises:
            UsageError: There is no such layer, or its output is no map.
        """
        found = self.matching(name)
        return found[-1]

    def matching(self, pattern: str) -> list[Step]:
        """Return the steps whose layer has this name or fits this glob.

        Raises:
            UsageError: No layer with a map as its output fits.
        """
        found = [step for step in self.maps if _fits(step.name, pattern)]
        if not found:
            others = any(_fits(step.name, pattern) for step in self.steps)
            raise UsageError(
                f"The layer {pattern!r} has no map of positions."
                if others
                else f"There is no layer {pattern!r}.",
                expected="a layer's name or a glob such as 'conv*'",
                received=pattern,
                remedy=_near(pattern, list(dict.fromkeys(step.name for step in self.maps))),
            )
        return found

    @property
    def last_map(self) -> Step:
        """The last map before the head: the last convolution's, after what follows it unpooled.

        Raises:
            UsageError: The model has no convolution.
        """
        convolutions = [step for step in self.maps if isinstance(step.layer, CONVOLUTIONS)]
        if not convolutions:
            raise UsageError(
                f"The model {self.model.name} has no convolution.",
                expected="a layer with positions, such as Conv2D",
                received=", ".join(dict.fromkeys(type(step.layer).__name__ for step in self.steps)),
                remedy="the methods integrated-gradients and occlusion need none",
            )
        last = convolutions[-1]
        size = tuple(last.output.shape[1:3])
        for step in self.steps[self.steps.index(last) + 1 :]:
            if isinstance(step.layer, POOLINGS + _GLOBAL) or not step.is_map:
                break
            if tuple(step.output.shape[1:3]) == size:
                last = step
        return last

    def finer_map(self, step: Step) -> Step | None:
        """Return the last map before a step with more positions; None where there is none.

        In a residual network it is the last sum of that size, which holds what its block has
        found. Maps before the first convolution do not count.
        """
        kinds = [isinstance(one.layer, CONVOLUTIONS) for one in self.maps]
        before = self.maps[kinds.index(True) if any(kinds) else 0 : self.maps.index(step)]
        sides = step.output.shape[1]
        finer = [
            one
            for one in before
            if one.output.shape[1] > sides and not isinstance(one.layer, layers.ZeroPadding2D)
        ]
        if not finer:
            return None
        size = finer[-1].output.shape[1:3]
        sums = [
            one
            for one in finer
            if isinstance(one.layer, layers.Add) and one.output.shape[1:3] == size
        ]
        return (sums or finer)[-1]

    def values(self, step: Step, images: NDArray[Any]) -> Values:
        """Return the output of a step for pictures: float32, (n, height, width, channels)."""
        found: list[Values] = []

        def keep(output: Any) -> Any:
            found.append(to_numpy(output))
            return output

        for batch in _batches(images):
            with self._at(step, keep):
                self._called(batch)
        return np.concatenate(found)

    def scores(self, images: NDArray[Any]) -> Values:
        """Return each class's score before sigmoid or softmax: float32, (n, classes)."""
        with self._without_probabilities():
            return np.concatenate([to_numpy(self._scores(batch)) for batch in _batches(images)])

    def gradients(
        self, step: Step, values: Values, images: NDArray[Any], classes: NDArray[Any]
    ) -> Values:
        """Return the gradient of a class's score by the output of a step.

        Args:
            step: The step.
            values: Its output, from :meth:`values`.
            images: Shape (n, height, width, channels).
            classes: For each picture the index of a class, shape (n,).

        Returns:
            float32, of the shape of `values`.
        """
        found = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)

            def score(at: Any, part: slice = part) -> Any:
                with self._at(step, lambda _: at):
                    return self._chosen(_float(images[part]), classes[part])

            with self._without_probabilities():
                found.append(gradient(score, values[part]))
        return np.concatenate(found)

    def input_gradients(self, images: NDArray[Any], classes: NDArray[Any]) -> Values:
        """Return the gradient of a class's score by the pixels; see :meth:`gradients`."""
        found = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)

            def score(at: Any, part: slice = part) -> Any:
                return self._chosen(at, classes[part])

            with self._without_probabilities():
                found.append(gradient(score, _float(images[part])))
        return np.concatenate(found)

    def _called(self, images: Any) -> Any:
        """Call the model in inference mode, with its input in the structure that it expects."""
        if is_graph(self.model) and not isinstance(self.model, keras.Sequential):
            images = keras.tree.map_structure(lambda _: images, self.model.input)
        return self.model(images, training=False)

    def _scores(self, images: Any) -> Any:
        scores = self._called(images)
        return keras.ops.concatenate([-scores, scores], 1) if scores.shape[1] == 1 else scores

    def _chosen(self, images: Any, classes: NDArray[Any]) -> Any:
        scores = self._scores(images)
        chosen = np.eye(scores.shape[1], dtype=np.float32)[classes]
        return keras.ops.sum(scores * chosen, axis=1)

    @contextmanager
    def _at(self, step: Step, change: Callable[[Any], Any]) -> Iterator[None]:
        """Pass the output of this step through a function; of a shared layer, its last call's."""
        calls = sum(other.layer is step.layer for other in self.steps)
        count = 0

        def changed(_: keras.Layer, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            output = call(*args, **named)
            return change(output) if count == calls else output

        with _intercepted([step.layer], changed):
            yield

    @contextmanager
    def _without_probabilities(self) -> Iterator[None]:
        """Leave out the sigmoid or softmax at the end, whose gradient is 0 for sure answers."""
        found = [step.layer for step in self.steps if step.output is self._output]
        last: Any = found[-1] if found else None
        activation = getattr(last, "activation", None)
        if isinstance(last, layers.Softmax):
            with _intercepted([last], lambda _layer, _call, inputs, **_: inputs):
                yield
        elif activation in (keras.activations.sigmoid, keras.activations.softmax):
            last.activation = keras.activations.linear
            try:
                yield
            finally:
                last.activation = activation
        else:
            yield


def every_leaf(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model, and those of the models inside it in place of these."""
    for layer in model.layers:
        if isinstance(layer, keras.Model) and layer.layers:
            yield from every_leaf(layer)
        else:
            yield layer


def _names(model: keras.Model, around: str = "") -> dict[tuple[str, int], str]:
    names: dict[tuple[str, int], str] = {}
    for layer in model.layers:
        name = f"{around}{layer.name}"
        if isinstance(layer, keras.Model) and layer.layers:
            names |= _names(layer, f"{name}/")
        else:
            names.setdefault((layer.name, id(layer)), name)
    return names


def _near(pattern: str, names: list[str]) -> str:
    """Suggest the nearest names: a network has hundreds."""
    close = get_close_matches(pattern, names, n=_NEAR, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    few = names if len(names) <= _MOST_NAMED else [*names[:_NEAR], "…", *names[-_NEAR:]]
    return f"known: {', '.join(few)}"


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition("/")[2], pattern)


@contextmanager
def _intercepted(chosen: Sequence[keras.Layer], instead: Callable[..., Any]) -> Iterator[None]:
    """Call `instead(layer, call, *args, **named)` in place of these layers' own `call`."""

    def around(layer: keras.Layer, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **named: instead(layer, call, *args, **named)

    unique = {id(layer): layer for layer in chosen}.values()
    for layer in unique:
        object.__setattr__(layer, "call", around(layer, layer.call))
    try:
        yield
    finally:
        for layer in unique:
            object.__delattr__(layer, "call")


def _require_pictures(model: keras.Model, picture: NDArray[Any]) -> None:
    inputs = [tuple(one.shape)[1:] for one in model.inputs] if is_graph(model) else [picture.shape]
    fits = len(inputs) == 1 and len(inputs[0]) == 3
    if fits and picture.ndim == 3:
        fits = all(
            side in (None, given) for side, given in zip(inputs[0], picture.shape, strict=True)
        )
    if not fits or picture.ndim != 3:
        raise UsageError(
            f"The model {model.name} cannot take this picture.",
            expected="one input of (height, width, channels), and a picture of that shape",
            received=f"inputs of {', '.join(map(str, inputs))}, a picture of {picture.shape}",
        )


def _batches(images: NDArray[Any]) -> Iterator[Values]:
    for start in range(0, len(images), _BATCH):
        yield _float(images[start : start + _BATCH])


def _float(images: NDArray[Any]) -> Values:
    return np.asarray(images, np.float32)


def to_numpy(tensor: Any) -> Values:
    """Return a tensor's values as float32."""
    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float32)
