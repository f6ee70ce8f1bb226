"""The base of a model in a `.keras` file, as `model.save` writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from viewfinder.bases.base import Base, Takes, pictures_of
from viewfinder.core.files import content_hash
from viewfinder.core.progress import Progress
from viewfinder.runtime.model_file import input_of, parameters_of


@dataclass(frozen=True)
class FromFile(Base):
    """A `.keras` file of a model that takes pixels from 0 to 255.

    Attributes:
        path: Absolute.
    """

    path: Path

    usual_weights: ClassVar[str] = "own"
    scaling_in_words = "pixels from 0 to 255 scaled by the model itself"

    @property
    @override
    def name(self) -> str:
        return str(self.path)

    @property
    @override
    def label(self) -> str:
        return self.path.stem

    @override
    def parameters(self) -> dict[float, int]:
        return {1.0: parameters_of(self.path)}

    @override
    def takes(self) -> Takes:
        return pictures_of(input_of(self.path), self.path)

    @override
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path:
        parameters_of(self.path)  # raises unless the file is safe
        return self.path

    @override
    def at_hand(self) -> list[tuple[float, Path]]:
        return [(1.0, self.obtain())]

    @override
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        return {"base": "a .keras file", "weights": content_hash(source or self.path)}
