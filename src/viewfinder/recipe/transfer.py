"""How a base is used: the parts of a recipe that speak of it, as records."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from viewfinder.bases.base import Base
from viewfinder.bases.naming import USUAL_WEIGHTS, base_named

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Pooling = Literal["average", "max", "quarters", "flatten"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Head(_Record):
    """What is put on a base: pooling, dense layers with ReLU, dropout; then the last layer.

    Attributes:
        pooling: How the base's feature map becomes a row of numbers: the "average" or "max" of
            each channel over the map; "quarters", its average in each quarter of the map, so that
            it matters where things are; or "flatten", which keeps every place of it. A
            transformer's sequence has no quarters, and is averaged over its places.
        dense: One dense layer with ReLU for each number.
        batch_norm: Whether each of them is followed by batch norm.
        dropout: The share of units dropped before the last layer.
        l2: The weight of the squared kernels of these layers and the last in the loss.
    """

    pooling: Pooling = "average"
    dense: tuple[Count, ...] = ()
    batch_norm: bool = False
    dropout: Fraction = 0.2
    l2: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _has_what_is_normed(self) -> Self:
        if self.batch_norm and not self.dense:
            raise ValueError(
                "model.batch_norm follows the dense layers of a head, and this one has none: "
                "--head dense"
            )
        return self


def _known_base(name: str) -> str:
    return base_named(name).name


def _place_of_weights(weights: str) -> str:
    """A file is meant wherever the recipe is read again."""
    is_word = weights in (*USUAL_WEIGHTS, "none")
    return weights if is_word else str(Path(weights).expanduser().absolute())


class Transfer(Head):
    """A network that others have trained, frozen, under a head of our own.

    Attributes:
        base: One of `viewfinder bases`; a `.keras` file of a model that takes pixels from 0 to
            255; or "hub:" and a preset of KerasHub, by its name or its folder.
        alpha: The factor on the width of its layers, for the bases that have one; None is 1.
        weights: "imagenet", a file, or "none" for weights drawn from the seed; "own" for a file
            or a preset, which have theirs.
        cut: Ends the base at this layer; None keeps it whole, one of `viewfinder bases` but for
            its top.
        frozen: "features" runs the base once for each picture and fits the head on what it gave;
            "graph" runs it in every step, as the course does, and as fine-tuning has to.
        views: How many views of each training picture the head is fitted on, with "features": the
            picture itself, and further ones by `training.augment`.
        any_size: Whether its weights fit pictures of every size.
    """

    any_size: ClassVar[bool] = False

    pooling: Pooling = "quarters"
    kind: Literal["transfer"] = "transfer"
    base: Annotated[str, AfterValidator(_known_base)] = "MobileNetV2"
    alpha: float | None = None
    weights: Annotated[str, AfterValidator(_place_of_weights)] = "imagenet"
    cut: str | None = None
    frozen: Literal["features", "graph"] = "features"
    views: Count = 1

    @model_validator(mode="before")
    @classmethod
    def _usual_weights_are_the_bases(cls, settings: Any) -> Any:
        """What is usual is another word for each kind of base, so another base changes it."""
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
        return base_named(self.base, self.alpha, self.weights)

    @property
    def head(self) -> Head:
        """What is put on the base, and trained in steps."""
        return Head(**{name: getattr(self, name) for name in Head.model_fields})

    @property
    def fitted_head(self) -> Head:
        """What stands on the base in the end: a head that was fitted on features has no norms.

        Those of its training are scales and shifts by then, and part of its dense layers.
        """
        is_folded = self.frozen == "features"
        return self.head.model_copy(update={"batch_norm": False}) if is_folded else self.head


class FineTune(_Record):
    """A second phase of training, in which the top of the base trains too.

    It starts from the best model of the first, and is kept only if it does better on pictures
    that were carved from the training pictures. Batch norms stay as they are.

    Attributes:
        blocks: How many of the base's last blocks train.
        from_layer: Or the first layer that trains; `blocks` then says nothing.
        factor: The learning rate of the head, as a share of the first phase's.
        decay: The learning rate of each block, as a share of that of the block above it.
        epochs: Passes over the training pictures.
        carved: The share of the training pictures that decide whether it is kept.
    """

    blocks: Count = 3
    from_layer: str | None = None
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    decay: Annotated[float, Field(gt=0, le=1)] = 0.8
    epochs: Count = 5
    carved: Annotated[float, Field(gt=0, lt=1)] = 0.1
