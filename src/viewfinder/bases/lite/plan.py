"""The layers of EfficientNet-Lite0 without its top, in the order of computation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from viewfinder.core.errors import UsageError, nearest

NAME = "EfficientNetLite0"
SIZE = 224
# Pixels from 0 to 255 become (pixel - MEAN) / SCALE.
MEAN, SCALE = 127.0, 128.0

_STEM, _HEAD = 32, 1_280
# Of each stage: blocks, side of the depthwise kernels, first stride, expansion, filters.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Convolution:
    """A convolution with SAME padding and a bias.

    Attributes:
        name: The layer's name in Keras and ONNX.
        stored: The names of its kernel and of its batch norm in the published file.
        shape: The kernel as PyTorch and ONNX have it: (filters, channels, side, side); 1 channel
            for a depthwise convolution.
        stride: The stride along both axes.
        is_depthwise: Whether each channel has a kernel of its own.
        is_clipped: Whether ReLU6 follows.
    """

    name: str
    stored: tuple[str, str]
    shape: tuple[int, int, int, int]
    stride: int = 1
    is_depthwise: bool = False
    is_clipped: bool = True


@dataclass(frozen=True)
class Addition:
    """The sum of the previous layer's output and that of the layer `shortcut`."""

    name: str
    shortcut: str


Layer = Convolution | Addition


def layers_up_to(cut: str | None) -> Sequence[Layer]:
    """Return the layers up to one; all for None.

    Raises:
        UsageError: There is no such layer.
    """
    names = [layer.name for layer in all_layers()]
    if cut is None:
        return all_layers()
    if cut not in names:
        ends = [name for name in names if name.endswith("_add")]
        close = nearest(cut, names).partition(" (known")[0]
        raise UsageError(
            f"{NAME} has no layer {cut!r}.", remedy=f"{close}; among others: {', '.join(ends)}"
        )
    return all_layers()[: names.index(cut) + 1]


@cache
def all_layers() -> tuple[Layer, ...]:
    """Return the layers from the stem to the last feature map."""
    return tuple(_layers())


def parameters() -> int:
    """Count the weights, batch norms folded."""
    kernels = [layer.shape for layer in all_layers() if isinstance(layer, Convolution)]
    return sum(out * channels * side * side + out for out, channels, side, _ in kernels)


def _layers() -> Iterator[Layer]:
    yield Convolution("stem", ("_conv_stem", "_bn0"), (_STEM, 3, 3, 3), stride=2)
    channels, number, before = _STEM, 0, "stem"
    for stage, (blocks, side, first_stride, expansion, filters) in enumerate(_STAGES, start=1):
        for block in range(blocks):
            name, stored = f"block{stage}{'abcd'[block]}", f"_blocks.{number}."
            stride, inner = (first_stride if block == 0 else 1), channels * expansion
            if expansion > 1:
                kernel = (f"{stored}_expand_conv", f"{stored}_bn0")
                yield Convolution(f"{name}_expand", kernel, (inner, channels, 1, 1))
            kernel = (f"{stored}_depthwise_conv", f"{stored}_bn1")
            shape = (inner, 1, side, side)
            yield Convolution(f"{name}_depthwise", kernel, shape, stride, is_depthwise=True)
            kernel, shape = (f"{stored}_project_conv", f"{stored}_bn2"), (filters, inner, 1, 1)
            yield Convolution(f"{name}_project", kernel, shape, is_clipped=False)
            if stride == 1 and channels == filters:
                yield Addition(f"{name}_add", before)
                before = f"{name}_add"
            else:
                before = f"{name}_project"
            channels, number = filters, number + 1
    yield Convolution("top", ("_conv_head", "_bn1"), (_HEAD, channels, 1, 1))
