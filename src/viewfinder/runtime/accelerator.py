"""Whether the backend computes on something faster than a CPU."""

import sys
from pathlib import Path

from viewfinder.runtime.backend import use_backend

# What the drivers of NVIDIA and AMD leave on Linux.
_DEVICES = ("/dev/nvidiactl", "/dev/kfd")


def may_have_accelerator() -> bool:
    """Whether it is worth it to ask the backend, which takes seconds to import."""
    if sys.platform == "darwin":  # TensorFlow and JAX compute on Apple's GPU through plug-ins
        return "keras" in sys.modules
    return any(Path(device).exists() for device in _DEVICES)


def has_accelerator() -> bool:
    """Whether the backend sees a GPU or a TPU; imports Keras."""
    if use_backend() == "torch":  # of whose devices Keras has no list
        import torch

        return torch.cuda.is_available()  # type: ignore[no-any-return]
    import keras

    # Not asked for by kind: JAX raises where there is none of it.
    return any(not name.lower().startswith("cpu") for name in keras.distribution.list_devices())
