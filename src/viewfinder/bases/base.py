"""What a base is: a network that others have trained, wherever it comes from.

There are three kinds: a network of `keras.applications` (`from_catalogue`), a model in a file of
the user's own (`from_file`), and a preset of KerasHub (`from_hub`); `naming` tells them apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from viewfinder.core.progress import Progress
from viewfinder.pictures.preprocessing import Color


@dataclass(frozen=True)
class Takes:
    """The pictures that a base takes.

    Attributes:
        size: (height, width) in pixels, of what it was trained at; None where that is not known.
        color: Of three channels or of one.
        is_fixed: Whether it takes no other size.
    """

    size: tuple[int, int] | None
    color: Color
    is_fixed: bool = False

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """A picture's (height, width, channels), where the size is known."""
        return (*self.size, 1 if self.color == "gray" else 3) if self.size else None


class Base(ABC):
    """A network to build on, as a recipe names it. The record itself opens no file.

    Attributes:
        usual_weights: What a recipe's `weights` are where nothing else is asked for.
        is_catalogued: Whether what it takes is known without looking at a file.
    """

    usual_weights: ClassVar[str]
    is_catalogued: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What a recipe names it by; paths are absolute."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What people call it; a file's name can begin with it."""

    @property
    def least_size(self) -> int | None:
        """The smallest side that it takes; None where that is not known."""
        return None

    @property
    @abstractmethod
    def scaling_in_words(self) -> str:
        """What pixels from 0 to 255 go through first, for people."""

    @abstractmethod
    def parameters(self) -> dict[float, int]:
        """How many numbers its weights are, by `alpha`; raises as :meth:`takes` does."""

    @abstractmethod
    def takes(self) -> Takes:
        """The pictures that it takes.

        Raises:
            UsageError: It is of KerasHub, which is not installed.
            DataError: It is not at hand, damaged, or takes no pictures.
        """

    @abstractmethod
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path | None:
        """What it is built from, brought to this computer: a file or a folder.

        Args:
            side: Of the pictures, in pixels, where weights are for a size.
            progress: Says where it comes from, and how far a download is.

        Returns:
            None where its weights are to be drawn.

        Raises:
            UsageError: There are no such weights, or it is of KerasHub, which is not installed.
            DataError: It is not at hand, or not what it is taken for.
        """

    @abstractmethod
    def at_hand(self) -> list[tuple[float, Path]]:
        """What it could be built from without a download: each width, and where that is.

        Raises:
            UsageError: It is of KerasHub, which is not installed.
            DataError: It is not at hand, or not what it is taken for.
        """

    @abstractmethod
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        """What decides its features apart from the pictures, for JSON: contents, and no paths.

        Args:
            source: What :meth:`obtain` has given.
            seed: Decides weights that are drawn.
        """
