"""Fitting a model to batches: the adapters for Keras, the callbacks, and the fit itself."""

from viewfinder.runtime.backend import use_backend

use_backend()  # settled here, because Keras looks for its backend when it is first imported

from viewfinder.training.adapters import BatchDataset  # noqa: E402
from viewfinder.training.compiled import compile_model  # noqa: E402
from viewfinder.training.fit import Fitted, fit  # noqa: E402
from viewfinder.training.tensorboard import require_tensorboard, tensorboard_logs  # noqa: E402
from viewfinder.training.watching import watchers  # noqa: E402

__all__ = [
    "BatchDataset",
    "Fitted",
    "compile_model",
    "fit",
    "require_tensorboard",
    "tensorboard_logs",
    "watchers",
]
