"""Keras 2's `keras.preprocessing.image`, which Keras 3 no longer offers, several times faster.

Old code changes its import only::

    from viewfinder.compat import ImageDataGenerator
    from viewfinder.compat import image

`viewfinder.compat.migrate` rewrites old scripts and notebooks. Keras is imported with the first
name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewfinder.compat import image as image
    from viewfinder.compat.image import *  # noqa: F403


def __getattr__(name: str) -> Any:
    module = import_module("viewfinder.compat.image")
    if name == "image":
        return module
    if name in module.__all__:
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
