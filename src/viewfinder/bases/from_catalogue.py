"""The base of a network of `keras.applications`, its width and its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from viewfinder.bases.at_hand import find_weights, obtain_weights
from viewfinder.bases.base import Base, Takes
from viewfinder.bases.catalogue import Network, all_published
from viewfinder.core.files import content_hash
from viewfinder.core.progress import Progress
from viewfinder.runtime.header import require_weights_file


@dataclass(frozen=True)
class FromCatalogue(Base):
    """A network of `keras.applications`.

    Attributes:
        network: The network.
        alpha: The factor on its width; None for the full width.
        weights: "imagenet", "none", or a file.
    """

    network: Network
    alpha: float | None = None
    weights: str = "imagenet"

    usual_weights: ClassVar[str] = "imagenet"
    is_catalogued: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.network.width(self.alpha)

    @property
    def width(self) -> float:
        """Its `alpha`, 1.0 for None."""
        return self.network.width(self.alpha)

    @property
    @override
    def name(self) -> str:
        return self.network.name

    @property
    @override
    def least_size(self) -> int:
        return self.network.least_size

    @property
    @override
    def scaling_in_words(self) -> str:
        return self.network.scaling_in_words

    @override
    def parameters(self) -> dict[float, int]:
        return self.network.widths

    @override
    def takes(self) -> Takes:
        return Takes((self.network.size, self.network.size), "rgb")

    @override
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path | None:
        if self.weights == "none":
            return None
        if self.weights == "imagenet":
            return obtain_weights(self.network, self.alpha, side, progress=progress)
        path = Path(self.weights).expanduser()
        require_weights_file(path)  # before its content is hashed
        return path

    @override
    def at_hand(self) -> list[tuple[float, Path]]:
        found = [(width, find_weights(weights)) for width, weights in all_published(self.network)]
        return [(width, path) for width, path in found if path]

    @override
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        weights = content_hash(source) if source else f"drawn from seed {seed}"
        return {"base": self.name, "alpha": self.width, "weights": weights}
