"""Progressive resizing: a training that begins with smaller pictures, as settings.

Small pictures cost little and teach most; the last epochs, at full size, teach the rest (Howard,
fast.ai, 2018; Tan and Le, "EfficientNetV2", ICML 2021).
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from viewfinder.core.errors import RecipeError
from viewfinder.pictures.preprocessing import Side
from viewfinder.recipe.record import Count, Record

Size = tuple[int, int]
Share = Annotated[float, Field(gt=0, lt=1)]

# In smaller pictures the subject is lost; a share of a small input is that input.
_SMALLEST_SIDE = 32


class Stage(Record):
    """Epochs at another size than the input's."""

    size: tuple[Side, Side] | Share
    """Height and width in pixels, or a share of the input's sides. A share makes no side smaller
    than 32 pixels."""

    epochs: Count | Share
    """Number of epochs, or a share of all epochs, rounded down."""

    def count(self, epochs: int) -> int:
        """The number of epochs in this stage, of `epochs` in all."""
        if isinstance(self.epochs, int):
            return self.epochs
        return int(self.epochs * epochs + 1e-9)  # 0.29 × 100 is a little less than 29

    def sides(self, full: Size) -> Size:
        """(height, width) in pixels for an input of size `full`."""
        if isinstance(self.size, tuple):
            return self.size
        share = max(self.size, min(1, _SMALLEST_SIDE / min(full)))
        height, width = (round(side * share) for side in full)
        return height, width


def epoch_sizes(stages: Sequence[Stage], epochs: int, full: Size) -> list[Size]:
    """Each epoch's (height, width): the stages in their order, then the full size.

    Raises:
        RecipeError: The stages leave no epoch for the full size.
    """
    sizes = [stage.sides(full) for stage in stages for _ in range(stage.count(epochs))]
    if len(sizes) >= epochs:
        raise RecipeError(
            "The stages leave no epoch for the full size.",
            expected=f"training.stages of fewer than {epochs} epochs, as training.epochs says",
            received=f"{len(sizes)} epochs in stages",
        )
    return sizes + [full] * (epochs - len(sizes))
