"""Measurement of a base's speed on this machine."""

import statistics
import time
from dataclasses import replace

import keras
import numpy as np

from viewfinder.bases.base import Base
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.from_wheel import FromWheel
from viewfinder.bases.networks.building import build_from
from viewfinder.bases.speeds import Speed, remember_speed
from viewfinder.core.errors import UsageError
from viewfinder.core.parallel import cores
from viewfinder.core.progress import Progress

_BATCH = 16
_REPEATS = 5


def measure_speed(base: Base, *, progress: Progress | None = None) -> Speed:
    """Measure Keras's forward pass at the base's own size, and store the speed.

    Networks of `keras.applications` get random weights, which do not affect the speed. The machine
    should be idle otherwise.

    Args:
        base: The base.
        progress: Reports the measurement.

    Raises:
        UsageError: The base takes pictures of any size, or needs KerasHub, which is not installed.
        DataError: The base's files are missing or damaged.
    """
    progress = progress or Progress(0)
    progress.say(f"Measuring {base.label} …")
    shape = base.takes().shape
    if shape is None:
        raise UsageError(
            f"{base.label} takes pictures of any size, on which its speed depends.",
            expected="a base with a fixed or usual input size",
        )
    if isinstance(base, FromCatalogue | FromWheel):
        base = replace(base, weights="none")
    built = build_from(base, base.obtain(), input_shape=shape)
    pictures = np.zeros((_BATCH, *shape), np.uint8)
    built.model.predict_on_batch(pictures)  # the first one compiles
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        built.model.predict_on_batch(pictures)
        seconds.append(time.perf_counter() - began)
    speed = Speed(
        pictures_per_s=_BATCH / statistics.median(seconds),
        alpha=base.width if isinstance(base, FromCatalogue) else 1.0,
        size=shape[0],
        backend=keras.backend.backend(),
        cores=cores(),
    )
    remember_speed(base.name, speed)
    return speed
