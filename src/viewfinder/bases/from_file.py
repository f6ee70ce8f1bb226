"""A base from a file: a model of the user's own, as `model.save` has written it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from viewfinder.bases.base import Base, Takes
from viewfinder.bases.model_file import input_of, parameters_of, pictures_of
from viewfinder.core.files import content_hash
from viewfinder.core.progress import Progress


@dataclass(frozen=True)
class FromFile(Base):
    """A `.keras` file of a model that takes pixels from 0 to 255.

    Attributes:
        path: Absolute.
    """

    path: Path

    usual_weights: ClassVar[str] = "own"

    @property
    def name(self) -> str:
        """The absolute path."""
        return str(self.path)

    @property
    def label(self) -> str:
        """The file's name."""
        return self.path.stem

    @property
    def scaling_in_words(self) -> str:
        """What is known of it: nothing."""
        return "whatever the model itself does with pixels from 0 to 255"

    def parameters(self) -> dict[float, int]:
        """As the header of its weights has them."""
        return {1.0: parameters_of(self.path)}

    def takes(self) -> Takes:
        """What its configuration says."""
        return pictures_of(input_of(self.path), self.path)

    def obtain(
        self,
        side: int | None = None,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> Path:
        """The file, once its content has been looked at."""
        parameters_of(self.path)
        return self.path

    def at_hand(self) -> list[tuple[float, Path]]:
        """The file."""
        return [(1.0, self.obtain())]

    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:  # noqa: ARG002
        """The content, wherever the file is."""
        return {"base": "a .keras file", "weights": content_hash(source or self.path)}
