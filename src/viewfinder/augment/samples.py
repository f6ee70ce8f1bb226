"""The table between sampling and applying: one row a picture, one named column a parameter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewfinder.augment.records import Table
from viewfinder.randomness import Ids


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
