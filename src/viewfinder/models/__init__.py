"""Models: networks from pixels to probabilities, features of frozen bases, and heads on them.

networks   plain `keras.Model`s: presets, and heads on bases
features   the outputs of a frozen base, computed once and stored; linear heads on them
fitted     the outcome of a fit
opening    a run's classifier, or a model of others
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewfinder.models.networks import (
        BuiltBase,
        Head,
        build_base,
        build_model,
        model_summary,
        transfer,
    )

__all__ = ["BuiltBase", "Head", "build_base", "build_model", "model_summary", "transfer"]


def __getattr__(name: str) -> Any:
    """Import Keras only for what needs it."""
    if name not in __all__:
        raise AttributeError(f"module 'viewfinder.models' has no attribute {name!r}")
    from viewfinder.models import networks

    return getattr(networks, name)
