"""The base of all operations: frozen records of validated settings that sample parameters.

A setting's annotation holds both its limits and their description: pydantic checks the limits, and
a value outside them raises a :class:`RecipeError` with the description.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    Strict,
    ValidationError,
    model_validator,
)

from viewfinder.core.errors import RecipeError, nearest
from viewfinder.core.randomness import Ids, Randomness

Table = NDArray[np.float64]

# Strict: the text "40" and the Boolean True are mistakes, not numbers.
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Switch = Annotated[bool, Strict(), Field(description="true or false")]
Level = Annotated[int, Strict(), Field(ge=0, le=255, description="a whole number from 0 to 255")]
Interval = tuple[Number, Number]

# Settings of which 0 means no change.
_STRENGTHS = frozenset({"strength", "degrees", "levels", "sigma", "probability"})
_GIVE_THE_LARGEST = "give the largest change as one positive number; both directions are drawn"
_SMALLER_FIRST = "write the smaller number first, both within the limits"


def limits(
    low: float,
    high: float,
    words: str,
    *,
    remedy: str = _GIVE_THE_LARGEST,
) -> Any:
    """Return the annotation of a number: its inclusive limits and their description."""
    return Field(ge=low, le=high, description=words, json_schema_extra={"remedy": remedy})


Probability = Annotated[
    Number, limits(0, 1, "a probability from 0 to 1", remedy="as 0.1, for one picture in ten")
]


def within(low: float, high: float) -> AfterValidator:
    """Return a validator of a pair (smaller, larger): both within the limits, in this order."""

    def check(pair: Interval) -> Interval:
        if not low <= pair[0] <= pair[1] <= high:
            raise ValueError
        return pair

    return AfterValidator(check)


def pair(words: str) -> Any:
    """Return the annotation of a pair: the description of its limits."""
    return Field(description=words, json_schema_extra={"remedy": _SMALLER_FIRST})


class Record(BaseModel):
    """A frozen record whose validation raises RecipeError."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            if not isinstance(data, dict):
                raise  # not a mapping: in a union, pydantic tries the next kind
            raise refusal(cls, data, error) from None


class Operation(Record, ABC):
    """A random change of a picture.

    Class attributes:
        name: The key in a plan, and the name of the stream of random numbers.
        columns: The names of the sampled parameters, one per column.
        draws: The random numbers per example; by default one per column.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    draws: ClassVar[int | None] = None

    def sample(self, randomness: Randomness, epoch: int, examples: Ids) -> Table:
        """Draw the parameters of a batch, float64, shape `(n, len(columns))`."""
        stream = f"augment.{self.name}"
        draws = self.draws or len(self.columns)
        uniform = randomness.uniform(stream, epoch=epoch, examples=examples, draws=draws)
        return self.parameters(uniform)

    @abstractmethod
    def parameters(self, uniform: Table) -> Table:
        """Map numbers in [0, 1), shape `(n, draws)`, to parameters `(n, len(columns))`."""

    @property
    def has_no_effect(self) -> bool:
        """Whether these settings leave every picture unchanged: by default, if a strength is 0."""
        return any(getattr(self, name) == 0 for name in _STRENGTHS & type(self).model_fields.keys())

    @abstractmethod
    def describe(self) -> str:
        """Describe the change and its range in plain words."""


def spread(uniform: Table, low: float, high: float) -> Table:
    """Scale numbers in [0, 1) to [low, high]."""
    return low + uniform * (high - low)


def refusal(record: type[BaseModel], data: Any, error: ValidationError) -> RecipeError:
    """Return one of pydantic's complaints about `data` as a RecipeError.

    An unknown key has priority: it is often the misspelling of a missing one.
    """
    complaint = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    title, fields = record.__name__, record.model_fields
    if not isinstance(data, dict):
        return RecipeError(
            f"{title} takes settings by name.",
            expected=f"a mapping with keys out of: {', '.join(fields)}",
            received=repr(data),
        )
    key = str(complaint["loc"][0])
    if complaint["type"] == "extra_forbidden":
        return RecipeError(
            f"{title} has no setting {key!r}.", received=key, remedy=nearest(key, fields)
        )
    setting = fields[key]
    if complaint["type"] == "missing" and len(complaint["loc"]) == 1:
        return RecipeError(f"{title} needs {key!r}.", expected=setting.description)
    extra = setting.json_schema_extra
    return RecipeError(
        f"{title} has an invalid {key!r}.",
        expected=setting.description or complaint["msg"],
        received=repr(data[key]),
        remedy=str(extra["remedy"]) if isinstance(extra, dict) else None,
    )


@dataclass(frozen=True, eq=False)
class Samples:
    """The sampled parameters of a plan for each picture of a batch.

    The parameters do not depend on a picture's size: angles in degrees, lengths as fractions of
    the picture's sides, factors, and yes and no as 1 and 0. A row gives the same change at every
    size.

    Attributes:
        examples: The pictures' ids, uint64, shape `(n,)`.
        columns: The parameters' names, such as `rotation.degrees`.
        values: float64, shape `(n, len(columns))`.
    """

    examples: Ids
    columns: tuple[str, ...]
    values: Table

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, rows: slice | NDArray[np.intp] | list[int]) -> "Samples":
        """Return the selected rows as a smaller table, for one thread or one picture."""
        return Samples(self.examples[rows], self.columns, self.values[rows])

    def column(self, name: str) -> Table:
        """Return one parameter for all pictures, shape `(n,)`."""
        return self.values[:, self.columns.index(name)]


def random_boxes(uniform: Table, area: Interval, ratio: Interval) -> Table:
    """Return boxes that lie wholly inside the picture, in fractions of its sides.

    The area is drawn uniformly and the ratio of the sides log-uniformly, as in Inception's crops
    (Szegedy et al., "Going deeper with convolutions", CVPR 2015). The ratio is drawn from the part
    of its range that fits a box of the area, instead of drawing again until the box fits, so that
    every address uses exactly four numbers.

    Args:
        uniform: Numbers in [0, 1), shape `(n, 4)`.
        area: Smallest and largest area, as fractions of the picture's.
        ratio: Smallest and largest ratio of width to height, 1 being the picture's own.

    Returns:
        left, top, width, height, shape `(n, 4)`, each from 0 to 1. A ratio that fits no box of
        the drawn area is replaced by the nearest one that does.
    """
    size = spread(uniform[:, 0], *area)
    widest = -np.log(size)
    narrow, wide = (np.clip(np.log(end), -widest, widest) for end in ratio)
    shape = np.exp(narrow + uniform[:, 1] * (wide - narrow))
    width = np.minimum(np.sqrt(size * shape), 1.0)
    height = np.minimum(np.sqrt(size / shape), 1.0)
    left, top = uniform[:, 2] * (1 - width), uniform[:, 3] * (1 - height)
    return np.stack([left, top, width, height], axis=1)
