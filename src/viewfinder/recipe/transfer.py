"""Networks on a pretrained base: the base, the head on it, and fine-tuning."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from viewfinder.bases.base import Base
from viewfinder.bases.naming import USUAL_WEIGHTS, base_named, default_base
from viewfinder.recipe.record import Alternative, Count, Fraction, Penalty, Record, Units

Pooling = Literal["average", "max", "quarters", "flatten"]


class Head(Record):
    """The layers on a base: pooling, dense layers with ReLU, dropout, the last layer."""

    pooling: Pooling = "average"
    """How the base's feature map becomes a vector. "average" or "max" of each channel; "quarters",
    the average in each quarter of the map, which keeps rough positions; or "flatten", every
    position. A transformer's sequence has no quarters, and is averaged."""

    dense: Units = ()
    """Units of each dense layer with ReLU before the last layer."""

    batch_norm: bool = False
    """Whether batch norm follows each dense layer."""

    dropout: Fraction = 0.2
    """Share of units dropped before the last layer."""

    l2: Penalty = 0.0
    """Weight of the squared kernels of the head's layers in the loss."""

    @model_validator(mode="after")
    def _has_what_is_normed(self) -> Self:
        if self.batch_norm and not self.dense:
            raise ValueError(
                "model.batch_norm follows the dense layers of a head, and this one has none: "
                "set model.dense, such as [128]"
            )
        return self


def _known_base(name: str) -> str:
    return base_named(name).name


def _absolute(weights: str) -> str:
    """A file's absolute path, so that the recipe can be read from another folder."""
    is_word = weights in (*USUAL_WEIGHTS, "none")
    return weights if is_word else str(Path(weights).expanduser().absolute())


class Transfer(Head, Alternative):
    """A frozen pretrained network under a head."""

    any_size: ClassVar[bool] = False

    kind: Literal["transfer"] = "transfer"

    pooling: Pooling = "quarters"
    """How the base's feature map becomes a vector: average, max, quarters or flatten."""

    base: Annotated[str, AfterValidator(_known_base)] | None = None
    """Name of a network, a `.keras` file, or "hub:" and a preset of KerasHub. A file's model takes
    pixels from 0 to 255; a preset is given by its name or its folder. null is EfficientNetLite0
    where it is installed and `alpha`, `weights` and `cut` are not given, else MobileNetV2."""

    alpha: float | None = None
    """Factor on the width of the base's layers, for bases that have one; null for 1."""

    weights: Annotated[str, AfterValidator(_absolute)] = "imagenet"
    """Weights of the base: imagenet, a file, or none for random ones from the seed. A `.keras` file
    or a preset has its "own"."""

    cut: str | None = None
    """Layer that ends the base; null for the whole base without its top."""

    frozen: Literal["features", "graph"] = "features"
    """Whether the base runs once for each picture (features) or in every step (graph)."""

    views: Count = 1
    """Views of each training picture that the head is fitted on, with frozen=features. The first is
    the picture itself; `training.augment` makes the others."""

    @model_validator(mode="before")
    @classmethod
    def _usual_weights_are_the_bases(cls, settings: Any) -> Any:
        """Each kind of base has its own word for its usual weights."""
        base = settings.get("base") if isinstance(settings, dict) else None
        if isinstance(base, str) and settings.get("weights", "own") in USUAL_WEIGHTS:
            return {**settings, "weights": base_named(base).usual_weights}
        return settings

    @model_validator(mode="after")
    def _fits_base(self) -> "Transfer":
        _ = self.built_on
        return self

    @property
    def built_on(self) -> Base:
        """The base, its width and its weights."""
        return base_named(self.base_name, self.alpha, self.weights)

    @property
    def base_name(self) -> str:
        """The name of the base; of the default base where none is given."""
        is_plain = self.alpha is None and self.cut is None and self.weights == "imagenet"
        return self.base or (default_base() if is_plain else "MobileNetV2")

    @property
    def head(self) -> Head:
        """The settings of the head while it trains by steps."""
        return Head(**{name: getattr(self, name) for name in Head.model_fields})

    @property
    def fitted_head(self) -> Head:
        """The settings of the head in the finished model.

        Of a head that was fitted on features, the batch norms are folded into the dense layers.
        """
        is_folded = self.frozen == "features"
        return self.head.model_copy(update={"batch_norm": False}) if is_folded else self.head


class FineTune(Record):
    """A second phase of training, in which the top of the base trains too.

    It starts from the best model of the first phase, and is kept only if it is better, by more than
    chance explains, on the validation pictures and on training pictures that were set aside. Batch
    norms keep their statistics.
    """

    blocks: Count = 3
    """Number of the base's last blocks that train."""

    from_layer: str | None = None
    """First layer that trains, instead of `blocks`; null for none."""

    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Learning rate of the head, as a share of the optimizer's."""

    decay: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Learning rate of each block, as a share of that of the block above it."""

    epochs: Count = 5
    """Passes over the training pictures."""

    set_aside: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training pictures set aside to help decide whether the phase is kept."""
