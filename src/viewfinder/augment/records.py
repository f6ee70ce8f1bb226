"""What every operation is: a frozen record with checked settings that samples a table.

A setting's limits and the words for them stand in one place, its annotation: pydantic holds the
limits, and a value outside them becomes a :class:`RecipeError` that quotes the words.
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

# Strict: the text "40" and the truth value True are mistakes, not numbers.
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Switch = Annotated[bool, Strict(), Field(description="true or false")]
Level = Annotated[int, Strict(), Field(ge=0, le=255, description="a whole number from 0 to 255")]
Interval = tuple[Number, Number]

_SAY_THE_LARGEST = "give the largest change as one positive number; both directions are drawn"
_SMALLER_FIRST = "write the smaller number first, both within the limits"


def limits(
    low: float,
    high: float,
    words: str,
    *,
    remedy: str = _SAY_THE_LARGEST,
) -> Any:
    """The annotation of a number: its limits (both included) and the words for them."""
    return Field(ge=low, le=high, description=words, json_schema_extra={"remedy": remedy})


Probability = Annotated[
    Number, limits(0, 1, "a probability from 0 to 1", remedy="as 0.1, for one picture in ten")
]


def within(low: float, high: float) -> AfterValidator:
    """The check of a pair (smaller, larger): both within the limits, in this order."""

    def check(pair: Interval) -> Interval:
        if not low <= pair[0] <= pair[1] <= high:
            raise ValueError
        return pair

    return AfterValidator(check)


def pair(words: str) -> Any:
    """The annotation of a pair: the words for its limits."""
    return Field(description=words, json_schema_extra={"remedy": _SMALLER_FIRST})


class Record(BaseModel):
    """A frozen record whose refusals are RecipeErrors, wherever it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            if not isinstance(data, dict):
                raise  # no settings at all: in a union, pydantic tries the next kind
            raise refusal(cls, data, error) from None


class Operation(Record, ABC):
    """One kind of random change.

    Class attributes:
        name: Its key in a plan and the name of its stream of random numbers.
        columns: The names of the parameters it samples, one column each.
        draws: How many random numbers it takes for an example.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    draws: ClassVar[int]

    def sample(self, randomness: Randomness, epoch: int, examples: Ids) -> Table:
        """The parameters of a batch, float64, shape `(n, len(columns))`."""
        stream = f"augment.{self.name}"
        uniform = randomness.uniform(stream, epoch=epoch, examples=examples, draws=self.draws)
        return self.parameters(uniform)

    @abstractmethod
    def parameters(self, uniform: Table) -> Table:
        """Parameters `(n, len(columns))` from numbers in [0, 1), shape `(n, draws)`."""

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether these settings leave every picture as it is."""

    @abstractmethod
    def describe(self) -> str:
        """What it does, in plain words with the range."""


def spread(uniform: Table, low: float, high: float) -> Table:
    """Numbers in [0, 1) stretched over [low, high]."""
    return low + uniform * (high - low)


def refusal(record: type[BaseModel], data: Any, error: ValidationError) -> RecipeError:
    """One of pydantic's complaints about `data`, as expected, received and remedy.

    An unknown key comes first: it is often the misspelling of one that is missing.
    """
    complaint = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    title, fields = record.__name__, record.model_fields
    if not isinstance(data, dict):
        return RecipeError(
            f"{title} is made from its settings by name.",
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
        f"{title} cannot take this {key!r}.",
        expected=setting.description or complaint["msg"],
        received=repr(data[key]),
        remedy=str(extra["remedy"]) if isinstance(extra, dict) else None,
    )


@dataclass(frozen=True, eq=False)
class Samples:
    """What a plan will do to each picture of a batch.

    The parameters are independent of any picture's size: angles in degrees, lengths as fractions
    of the picture's sides, factors as they are, yes and no as 1 and 0. The same row gives the
    same change at every size.

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
        """The rows asked for, as a smaller table: what one thread or one picture needs."""
        return Samples(self.examples[rows], self.columns, self.values[rows])

    def column(self, name: str) -> Table:
        """One parameter for all pictures, shape `(n,)`."""
        return self.values[:, self.columns.index(name)]


def random_boxes(uniform: Table, area: Interval, ratio: Interval) -> Table:
    """Boxes that lie wholly inside the picture, in fractions of its sides.

    The area is drawn uniformly, the ratio of the sides uniformly in its logarithm, as in
    Inception's crops (Szegedy et al., "Going deeper with convolutions", CVPR 2015). Where others
    draw again until the box fits, the ratio is drawn from the part of its range that fits a box
    of the area: the same address always takes the same four numbers.

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
