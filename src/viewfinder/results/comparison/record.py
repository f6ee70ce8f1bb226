"""What a comparison is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class RunRecord:
    """A run as plain tables and mappings.

    Attributes:
        name: How it is called among the others.
        folder: Where it is.
        recipe: Settings, nested.
        environment: The parsed `environment.json`.
        metrics: The parsed `metrics.json`.
        history: A row an epoch.
        data: A row a picture: `locator`, `label`, `split`, `status`, `content`.
        predictions: A row an answer: `locator`, `split`, `label`, `predicted`, `probabilities`.
        classes: In the order of the probabilities.
    """

    name: str
    folder: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: pd.DataFrame
    data: pd.DataFrame
    predictions: pd.DataFrame
    classes: tuple[str, ...]
