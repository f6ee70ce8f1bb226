"""The networks that a recipe may name, each with its own settings."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from viewfinder.recipe.record import Count, Fraction, Record, Units
from viewfinder.recipe.transfer import Transfer

Penalty = Annotated[float, Field(ge=0, le=1)]


class _Network(Record):
    """What every network can be given.

    Attributes:
        any_size: Whether its weights fit pictures of any size, so that training may begin with
            small ones.
        dropout: The share of units dropped, while training, before the first dense layer.
        l2: The weight of the squared kernels in the loss; 0 for none. Biases and norms are free.
    """

    any_size: ClassVar[bool]

    dropout: Fraction = 0.0
    l2: Penalty = 0.0


class Dense(_Network):
    """No convolution: the pixels in a row, then dense layers with ReLU.

    Attributes:
        dense: One dense layer with ReLU for each number.
        batch_norm: Whether each of them is followed by batch norm.
    """

    any_size: ClassVar[bool] = False

    kind: Literal["dense"] = "dense"
    dense: Units = (512,)
    batch_norm: bool = False


class ConvStack(_Network):
    """The course's shape: convolutions, each with 2 × 2 max pooling, then dense layers.

    Attributes:
        filters: One 3 × 3 convolution with ReLU for each number.
        dense: One dense layer with ReLU for each number.
        batch_norm: Whether each of these layers is followed by batch norm.
    """

    any_size: ClassVar[bool] = False

    kind: Literal["conv-stack"] = "conv-stack"
    filters: Units = (16, 32, 64)
    dense: Units = (512,)
    batch_norm: bool = False


class Compact(_Network):
    """A small network for any size: global average pooling, no large dense layer.

    Attributes:
        width: The filters of the first stage; each further stage has twice as many, up to eight
            times. There are as many stages as halve the picture to four pixels or so.
        batch_norm: Whether each convolution is followed by batch norm.
        dropout: The share of features dropped before the last layer.
    """

    any_size: ClassVar[bool] = True

    kind: Literal["compact"] = "compact"
    width: Count = 32
    batch_norm: bool = True
    dropout: Fraction = 0.2


class Residual(_Network):
    """Residual stages (He and others 2016, arXiv:1512.03385), batch norm, global average pooling.

    A stage halves the picture and doubles the filters; its blocks are two 3 × 3 convolutions
    beside a shortcut. Pictures of 48 pixels or more are halved by the first convolution instead of
    by the first stage: full resolution costs most and tells least.

    Attributes:
        width: The filters of the first stage; above 16 rounded up to a multiple of it, as in the
            other stages, since a processor takes filters by sixteen.
        blocks: How many blocks each stage has; None: one each, in as many stages as bring the
            picture to a few pixels, at most five.
        batch_norm: Whether each convolution is followed by batch norm.
        dropout: The share of features dropped before the last layer.
    """

    any_size: ClassVar[bool] = True

    kind: Literal["residual"] = "residual"
    width: Count = 24
    blocks: Annotated[Units, Field(min_length=1, max_length=6)] | None = None
    batch_norm: bool = True
    dropout: Fraction = 0.1

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if not self.batch_norm and self.blocks is not None and sum(self.blocks) > 8:
            raise ValueError("more than 8 residual blocks need model.batch_norm to be trained")
        return self


Model = Annotated[Dense | ConvStack | Compact | Residual | Transfer, Field(discriminator="kind")]
KINDS: dict[str, type[_Network | Transfer]] = {
    "dense": Dense,
    "conv-stack": ConvStack,
    "compact": Compact,
    "residual": Residual,
    "transfer": Transfer,
}
