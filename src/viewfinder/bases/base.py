"""The base: a pretrained network to build a model on.

There are four kinds: EfficientNet-Lite0 with installed weights (`from_wheel`), a network of
`keras.applications` (`from_catalogue`), a model in a file (`from_file`), and a preset of KerasHub
(`from_hub`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from viewfinder.core.errors import DataError, RecipeError
from viewfinder.core.progress import Progress
from viewfinder.pictures.preprocessing import Color


@dataclass(frozen=True)
class Takes:
    """The pictures that a base takes.

    Attributes:
        size: The (height, width) in pixels that it was trained at; None where unknown.
        color: "rgb" for three channels, "gray" for one.
        is_fixed: Whether it takes no other size.
    """

    size: tuple[int, int] | None
    color: Color
    is_fixed: bool = False

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """A picture's (height, width, channels); None where the size is unknown."""
        return (*self.size, 1 if self.color == "gray" else 3) if self.size else None


def pictures_of(shape: tuple[int | None, ...] | None, path: Path) -> Takes:
    """Return the pictures that a model of this input shape takes.

    Raises:
        DataError: The input is not a picture.
    """
    if shape is None:
        return Takes(None, "rgb")
    if len(shape) != 3 or shape[2] not in (None, 1, 3):
        raise DataError(
            f"The model in {path} takes no pictures.",
            expected="an input of (height, width, channels), with 1 or 3 channels last",
            received=f"an input of {_in_words(shape)}",
            remedy="add layers in front that convert pixels from 0 to 255 to its input, such as "
            "keras.layers.Rescaling and Flatten, and save the whole model",
        )
    height, width, channels = shape
    size = (height, width) if height and width else None
    return Takes(size, "gray" if channels == 1 else "rgb", is_fixed=size is not None)


def _in_words(shape: tuple[int | None, ...]) -> str:
    if len(shape) == 1:
        return f"rows of {shape[0]} numbers"
    return " × ".join("any" if side is None else str(side) for side in shape)


class Base(ABC):
    """A pretrained network, as named in a recipe. Constructing it opens no file.

    Attributes:
        usual_weights: The default of a recipe's `weights`.
        is_catalogued: Whether its input is known without a file.
    """

    usual_weights: ClassVar[str]
    is_catalogued: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in a recipe; paths are absolute."""

    @property
    def label(self) -> str:
        """A short name for people, valid as part of a file's name."""
        return self.name

    @property
    def least_size(self) -> int | None:
        """The smallest side of its input; None where unknown."""
        return None

    @property
    @abstractmethod
    def scaling_in_words(self) -> str:
        """The scaling of pixels from 0 to 255, for people."""

    @abstractmethod
    def parameters(self) -> dict[float, int]:
        """Count its parameters by `alpha`; raises as :meth:`takes` does."""

    @abstractmethod
    def takes(self) -> Takes:
        """Return the pictures that it takes.

        Raises:
            UsageError: It needs KerasHub, which is not installed.
            DataError: Its files are missing or damaged, or it takes no pictures.
        """

    @abstractmethod
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path | None:
        """Find or download its file or folder.

        Args:
            side: The side of the pictures in pixels, for weights that depend on it.
            progress: Reports the source, and shows a download.

        Returns:
            None for weights that are drawn at random.

        Raises:
            UsageError: There are no such weights, or it needs KerasHub, which is not installed.
            DataError: The file or folder is missing, damaged or of another kind.
        """

    @abstractmethod
    def at_hand(self) -> list[tuple[float, Path]]:
        """Return each width whose weights are on this computer, and their path.

        Raises:
            UsageError: It needs KerasHub, which is not installed.
            DataError: The file or folder is missing, damaged or of another kind.
        """

    @abstractmethod
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        """Return everything that decides its features, for JSON: contents instead of paths.

        Args:
            source: The result of :meth:`obtain`.
            seed: The seed of weights that are drawn at random.
        """


def require_fitting(base: Base, input_shape: tuple[int, int, int]) -> None:
    """Require colour pictures that are not too small for a base.

    Raises:
        RecipeError: The pictures do not fit.
    """
    height, width, channels = input_shape
    if channels != 3:
        raise RecipeError(
            f"{base.name} takes colour pictures.",
            expected="input.color=rgb, to which gray pictures are converted",
            received=f"{channels} channels",
        )
    least, size = base.least_size or 1, base.takes().size
    if min(height, width) < least:
        raise RecipeError(
            f"The pictures are too small for {base.name}.",
            expected=f"at least {least} × {least} pixels",
            received=f"{width} × {height}",
            remedy=f"input.size={list(size)}, the size of its ImageNet training" if size else None,
        )
