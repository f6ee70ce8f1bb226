"""How fast bases were measured to be on this machine, remembered in the user's cache."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from viewfinder.core.files import cache_folder, write_json


@dataclass(frozen=True)
class Speed:
    """A measured speed.

    Attributes:
        pictures_per_s: Median of a few batches, after one that is not counted.
        alpha: The width that was measured.
        size: The side of the pictures, in pixels.
        backend: What Keras ran on.
        cores: How many processor cores there were.
    """

    pictures_per_s: float
    alpha: float
    size: int
    backend: str
    cores: int


def remembered_speeds() -> dict[str, Speed]:
    """What was measured so far, by the bases' names; nothing where the file is damaged."""
    try:
        speeds = json.loads(_file().read_text(encoding="utf-8"))["speeds"]
        return {str(name): Speed(**one) for name, one in speeds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def remember_speed(name: str, speed: Speed) -> None:
    """Add a base's speed, or write over an older one."""
    speeds = {**remembered_speeds(), name: speed}
    known = {base: asdict(one) for base, one in speeds.items()}
    write_json(_file(), {"schema": 1, "speeds": known})


def _file() -> Path:
    return cache_folder() / "bases" / "speeds.json"
