"""Fits a model to batches: adapters for Keras, callbacks, and the fit."""

from viewfinder.runtime.backend import use_backend

use_backend()  # before the first import of Keras, which reads the backend only then

from viewfinder.training.adapters import BatchDataset
from viewfinder.training.compiled import compile_model
from viewfinder.training.fit import fit
from viewfinder.training.watching import require_tensorboard, tensorboard_logs

__all__ = [
    "BatchDataset",
    "compile_model",
    "fit",
    "require_tensorboard",
    "tensorboard_logs",
]
