"""The networks that a recipe may name, each with its own settings."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from viewfinder.recipe.record import KIND_ALONE, Alternative, Count, Fraction, Penalty, Units
from viewfinder.recipe.transfer import Transfer


class _Network(Alternative):
    """The settings of every network without a base; `any_size`: its weights fit every size."""

    any_size: ClassVar[bool]

    dropout: Fraction = 0.0
    """Share of units dropped, while training, before the first dense layer."""

    l2: Penalty = 0.0
    """Weight of the squared kernels in the loss; 0 for none. Biases and norms are free."""


class Dense(_Network):
    """No convolution: the pixels as a vector, then dense layers with ReLU."""

    any_size: ClassVar[bool] = False

    kind: Literal["dense"] = "dense"

    dense: Units = (512,)
    """Units of each dense layer with ReLU."""

    batch_norm: bool = False
    """Whether batch norm follows each dense layer."""


class ConvStack(_Network):
    """The course's shape: convolutions, each with 2 × 2 max pooling, then dense layers."""

    any_size: ClassVar[bool] = False

    kind: Literal["conv-stack"] = "conv-stack"

    filters: Units = (16, 32, 64)
    """Filters of each 3 × 3 convolution with ReLU."""

    dense: Units = (512,)
    """Units of each dense layer with ReLU."""

    batch_norm: bool = False
    """Whether batch norm follows each of these layers."""


class Compact(_Network):
    """A small network for any size: global average pooling, no large dense layer."""

    any_size: ClassVar[bool] = True

    kind: Literal["compact"] = "compact"

    width: Count = 32
    """Filters of the first stage. Each further stage has twice as many, up to eight times. There
    are as many stages as halve the picture to about four pixels."""

    batch_norm: bool = True
    """Whether batch norm follows each convolution."""

    dropout: Fraction = 0.2
    """Share of features dropped, while training, before the last layer."""


class Residual(_Network):
    """Residual stages (He and others 2016, arXiv:1512.03385), batch norm, global average pooling.

    A stage halves the picture and doubles the filters; its blocks are two 3 × 3 convolutions
    beside a shortcut. Pictures of 48 pixels or more are halved by the first convolution instead of
    by the first stage, because full resolution costs most and contributes least.
    """

    any_size: ClassVar[bool] = True

    kind: Literal["residual"] = "residual"

    width: Count = 24
    """Filters of the first stage. Above 16, each stage's filters are rounded up to a multiple of
    16, which processors compute fastest."""

    blocks: Annotated[Units, Field(min_length=1, max_length=6)] | None = None
    """Number of blocks in each stage; null for stages of one block. There are then as many stages
    as bring the picture to a few pixels, at most five."""

    batch_norm: bool = True
    """Whether batch norm follows each convolution."""

    dropout: Fraction = 0.1
    """Share of features dropped, while training, before the last layer."""

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if not self.batch_norm and self.blocks is not None and sum(self.blocks) > 8:
            raise ValueError("more than 8 residual blocks need model.batch_norm to be trained")
        return self


Model = Annotated[
    Dense | ConvStack | Compact | Residual | Transfer, Field(discriminator="kind"), KIND_ALONE
]
