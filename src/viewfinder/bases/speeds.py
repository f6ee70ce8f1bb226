"""Measured speeds of bases on this machine, stored in the user's cache."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from viewfinder.core.files import cache_folder, write_json


@dataclass(frozen=True)
class Speed:
    """A measured speed.

    Attributes:
        pictures_per_s: The median of a few batches after a warm-up.
        alpha: The width of the base.
        size: The side of the pictures, in pixels.
        backend: Keras's backend.
        cores: The number of processor cores.
    """

    pictures_per_s: float
    alpha: float
    size: int
    backend: str
    cores: int


def remembered_speeds() -> dict[str, Speed]:
    """Return the stored speeds by name of base; none if the file is damaged."""
    try:
        speeds = json.loads(_file().read_text(encoding="utf-8"))["speeds"]
        return {str(name): Speed(**fields) for name, fields in speeds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def remember_speed(name: str, speed: Speed) -> None:
    """Store a base's speed, replacing an older one."""
    speeds = {**remembered_speeds(), name: speed}
    records = {base: asdict(measured) for base, measured in speeds.items()}
    write_json(_file(), {"schema": 1, "speeds": records})


def _file() -> Path:
    return cache_folder() / "bases" / "speeds.json"
