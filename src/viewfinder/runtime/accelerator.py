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
    use_backend()
    import keras

    return any(keras.distribution.list_devices(kind) for kind in ("gpu", "tpu"))
