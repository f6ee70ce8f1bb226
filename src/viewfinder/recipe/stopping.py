"""When a training ends before its last epoch: the settings, and the names of metrics."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from viewfinder.core.errors import RecipeError, UsageError, nearest
from viewfinder.recipe.record import Count, Record

Direction = Literal["up", "down"]

# What every run measures; a `fit` of the user's own may have others.
METRICS = ("accuracy", "loss", "val_accuracy", "val_loss")

# Reasons to end after which a training can be resumed.
GOES_ON = ("interrupted", "time")

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_FALLING = re.compile(r"loss|error|mse|mae|entropy|perplexity")
_RISING = re.compile(r"acc|auc|precision|recall|f1|f_beta|iou|r2|similarity")


def known_metric(name: str, known: Iterable[str]) -> str:
    """The metric of this name among the known ones; `acc` is short for `accuracy`.

    Raises:
        UsageError: There is none of this name; the message lists the known ones.
    """
    names = list(known)
    if name in names:
        return name
    for short, long in (("acc", "accuracy"), ("accuracy", "acc")):
        other = re.sub(rf"^(val_)?{short}$", rf"\g<1>{long}", name)
        if other != name and other in names:
            return other
    raise UsageError(f"There is no metric {name!r}.", remedy=nearest(name, names))


def direction_of(metric: str) -> Direction:
    """Whether larger ("up") or smaller ("down") values of a metric are better, by its name.

    Raises:
        UsageError: The name does not say.
    """
    if _FALLING.search(metric):
        return "down"
    if _RISING.search(metric):
        return "up"
    raise UsageError(
        f"Cannot tell whether larger or smaller values of {metric!r} are better.",
        expected="direction='up' or direction='down'",
    )


def parse_target(text: str) -> tuple[str, float]:
    """A metric's name and its value, from text such as `val_accuracy=0.95`.

    Raises:
        UsageError: The text is no target.
    """
    name, equals, value = text.partition("=")
    try:
        number = float(value.rstrip("%")) / (100 if value.strip().endswith("%") else 1)
    except ValueError:
        equals, number = "", 0.0
    if not equals or not name.strip() or not abs(number) < float("inf"):
        raise UsageError(
            "The target cannot be read.",
            expected="METRIC=VALUE, such as val_accuracy=0.95",
            received=text,
        )
    return name.strip(), number


def seconds(duration: Any) -> Any:
    """Seconds from text such as `10m`, `90s` or `1h30m`; other values are returned unchanged."""
    if not isinstance(duration, str):
        return duration
    found = _DURATION.fullmatch(duration.strip().lower().replace(" ", ""))
    if not found or not any(found.groups()):
        raise ValueError("a time such as 10m, 90s or 1h30m")
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def _target(text: str) -> str:
    try:
        name, value = parse_target(text)
        name = known_metric(name, METRICS)
    except UsageError as error:
        raise ValueError(error.expected or f"a metric that there is: {error.remedy}") from error
    if name.endswith("accuracy") and not 0 < value <= 1:
        raise ValueError(f"an accuracy from 0 to 1 (or 0% to 100%), such as {name}=0.95")
    return f"{name}={value:g}"


class Stopping(Record):
    """What ends a training before its last epoch; the best epoch's model is kept in any case."""

    target: Annotated[str, AfterValidator(_target)] | None = None
    """METRIC=VALUE that ends the training when it is reached; null for none. METRIC is one of
    accuracy, loss, val_accuracy, val_loss; a loss is reached from above."""

    hold: Count = 1
    """Consecutive epochs in which the target must hold."""

    patience: Count | None = None
    """Epochs without a better `val_accuracy` after which the training ends; null for any. An equal
    accuracy with a lower `val_loss` is better."""

    max_time: Annotated[float, Field(gt=0), BeforeValidator(seconds)] | None = None
    """Seconds, or a time such as 10m, after which the training ends; null for any. It ends with the
    current batch; a resumed training has as much again."""

    @model_validator(mode="after")
    def _has_what_is_held(self) -> Self:
        if self.hold > 1 and self.target is None:
            raise RecipeError(
                "training.stop.hold has no effect without a target.",
                expected="training.stop.target as well, such as val_accuracy=0.95",
                received=f"training.stop.hold={self.hold}",
            )
        return self
