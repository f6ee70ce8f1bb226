"""Which pictures a run uses, and what the model sees of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from viewfinder.pictures.preprocessing import Color, ResizePolicy, Side
from viewfinder.recipe.record import Record


class Data(Record):
    """The pictures that train, and those that evaluate."""

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the training pictures set aside where the data has no validation split. With 0, all
    of them train: no epoch is chosen, and the last one is kept."""

    test: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each class set aside for one evaluation at the end, where the data has no test
    split; 0 for none."""

    holdout: Literal["validation", "test"] | None = None
    """Split that is evaluated once, at the end, and decides nothing."""

    fold: Annotated[int, Field(ge=0)] | None = None
    """Fold that validates, where the data was split into folds."""

    allow_leaks: bool = False
    """Whether a picture may be in training and in another split."""

    @model_validator(mode="after")
    def _has_one_test_split(self) -> Self:
        if self.test and self.holdout:
            raise ValueError(
                f"data.holdout keeps the {self.holdout} split for the end, and data.test would set "
                "other pictures aside for it: choose one"
            )
        if self.test + self.validation >= 1:
            raise ValueError(
                f"data.validation {self.validation:g} and data.test {self.test:g} leave nothing to "
                "train on"
            )
        return self


class Input(Record):
    """What the model sees; see :class:`viewfinder.pictures.preprocessing.Preprocessing`."""

    size: tuple[Side, Side] | None = None
    """Height and width in pixels; null for a size that suits the pictures."""

    color: Color | None = None
    """Colour mode; null for gray where all pictures are gray, else rgb."""

    resize: ResizePolicy = "stretch"
    """What happens to the aspect ratio."""

    isolate: bool = False
    """Whether the subject is cut out of its scene, in training and in every prediction."""

    zoom: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Central share of both sides that is used, in training and in every prediction."""

    headroom: Annotated[float, Field(ge=1, le=4)] = 1.4
    """Factor by which stored training pictures are larger than `size`, where augmentation moves
    pixels. The augmentation then resizes them, so that a crop is not enlarged."""
