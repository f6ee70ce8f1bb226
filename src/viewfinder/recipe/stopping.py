"""When a training ends before its last epoch: the settings, and the names of metrics."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from viewfinder.core.errors import UsageError, nearest

Direction = Literal["up", "down"]

# What every training of ours measures; Keras's users have others.
METRICS = ("accuracy", "loss", "val_accuracy", "val_loss")

# Why a training was stopped before its end, so that it can go on.
GOES_ON = ("interrupted", "time")

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_FALLING = re.compile(r"loss|error|mse|mae|entropy|perplexity")
_RISING = re.compile(r"acc|auc|precision|recall|f1|f_beta|iou|r2|similarity")


def known_metric(name: str, known: Iterable[str]) -> str:
    """The metric that is meant, among those which are known; `acc` stands for `accuracy`.

    Raises:
        UsageError: There is none of this name; the message lists those which there are.
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
    """Whether this metric gets better upwards or downwards, as its name tells.

    Raises:
        UsageError: The name does not tell.
    """
    if _FALLING.search(metric):
        return "down"
    if _RISING.search(metric):
        return "up"
    raise UsageError(
        f"It is not known whether {metric!r} is better high or low.",
        expected="direction='up' or direction='down'",
    )


def parse_target(text: str) -> tuple[str, float]:
    """A metric's name and its value from `val_accuracy=0.95`.

    Raises:
        UsageError: It is none.
    """
    name, equals, value = text.partition("=")
    try:
        number = float(value.rstrip("%")) / (100 if value.strip().endswith("%") else 1)
    except ValueError:
        equals, number = "", 0.0
    if not equals or not name.strip() or not abs(number) < float("inf"):
        raise UsageError(
            "This is no target.", expected="METRIC=VALUE, such as val_accuracy=0.95", received=text
        )
    return name.strip(), number


def seconds(duration: Any) -> Any:
    """Seconds from `10m`, `90s` or `1h30m`; a number is seconds already."""
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


class Stopping(BaseModel):
    """What ends a training before its last epoch; the best epoch's model is kept in any case.

    Attributes:
        target: `METRIC=VALUE`: reached, the training ends. One of accuracy, loss, val_accuracy,
            val_loss; a loss is reached from above.
        hold: For how many epochs in a row the target is to be reached.
        patience: The training ends after this many epochs without a better `val_accuracy` (or
            an equal one with a lower `val_loss`).
        max_time: Seconds, or a time such as `10m`, after which it ends with the batch at hand;
            each sitting of a resumed training has as much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Annotated[str, AfterValidator(_target)] | None = None
    hold: Annotated[int, Field(ge=1)] = 1
    patience: Annotated[int, Field(ge=1)] | None = None
    max_time: Annotated[float, BeforeValidator(seconds), Field(gt=0)] | None = None
