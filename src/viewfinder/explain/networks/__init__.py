"""Any Keras model as the layers that run: their values, gradients and receptive fields."""

from viewfinder.runtime.backend import use_backend

use_backend()

from viewfinder.explain.networks.network import (
    AFTER,
    CONVOLUTIONS,
    POOLINGS,
    Network,
    Step,
    to_numpy,
)
from viewfinder.explain.networks.receptive import Box, receptive_box

__all__ = [
    "AFTER",
    "CONVOLUTIONS",
    "POOLINGS",
    "Box",
    "Network",
    "Step",
    "receptive_box",
    "to_numpy",
]
