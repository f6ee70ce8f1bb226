"""What the command line of `viewfinder train` asks for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewfinder.cli.options import chosen_recipe, open_data
from viewfinder.cli.train.search import is_search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """What the command line asks for, sorted.

    Attributes:
        recipe: A recipe's name.
        flags: Settings by the recipe's dotted keys, those that were given.
        config: A file with settings.
        settings: `key=value` words.
        data: The pictures.
        hints: How to read them.
        folds: Into how many they are dealt.
        tensorboard: Whether logs are wanted.
        store_budget: Bytes that decoded pictures may take.
        progress: Tells how far it is.
        as_json: Whether the result is for machines.
    """

    recipe: str | None
    flags: "Mapping[str, Any]"
    config: Path | None
    settings: tuple[str, ...]
    data: Path | None
    hints: "Mapping[str, Any]"
    folds: int | None
    tensorboard: bool
    store_budget: int | None
    progress: "Progress"
    as_json: bool

    @property
    def of_recipes_only(self) -> list[str]:
        """Options beside the flags that a search without a recipe has no use for, as written."""
        return [
            *([f"--config {self.config}"] if self.config else []),
            *(f"--set {one}" for one in self.settings),
            *(["--tensorboard"] if self.tensorboard else []),
            *([f"--folds {self.folds}"] if self.folds is not None else []),
        ]

    @property
    def is_search(self) -> bool:
        """Whether several recipes are to be tried."""
        return is_search(self.recipe, self.flags, self.of_recipes_only)

    @property
    def reading(self) -> dict[str, Any]:
        """What everything that reads pictures takes."""
        return {"progress": self.progress, "store_budget": self.store_budget}

    @property
    def training(self) -> dict[str, Any]:
        """What everything that trains takes."""
        return {**self.reading, "tensorboard": self.tensorboard}

    def whole_recipe(self, begun: "Recipe | None" = None) -> "Recipe":
        """The recipe with all that was said; of a run that was begun, changed by it."""
        name = None if self.is_search else self.recipe
        return chosen_recipe(
            name, self.flags, config=self.config, settings=self.settings, begun=begun
        )

    def pictures(self) -> "Dataset":
        """DATA, opened."""
        assert self.data is not None
        return open_data(self.data, **self.hints, progress=self.progress)
