"""How many pictures a base takes in a second on this machine: measured, and remembered."""

import statistics
import time
from dataclasses import replace

import keras
import numpy as np

from viewfinder.bases.base import Base
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.networks.building import build_from
from viewfinder.bases.speeds import Speed, remember_speed
from viewfinder.core.errors import UsageError
from viewfinder.core.parallel import cores
from viewfinder.core.progress import Progress

_BATCH = 16
_REPEATS = 5


def measure_speed(base: Base, *, progress: Progress | None = None) -> Speed:
    """Measure Keras's forward pass at the base's own size, and remember it.

    Weights from the catalogue are drawn, because they do not change the speed. The machine should
    do nothing else meanwhile.

    Args:
        base: The network.
        progress: Says what is being measured.

    Raises:
        UsageError: It takes pictures of any size, or is of KerasHub, which is not installed.
        DataError: It is not at hand, or damaged.
    """
    progress = progress or Progress(0)
    progress.say(f"Measuring {base.label} …")
    shape = base.takes().shape
    if shape is None:
        raise UsageError(
            f"{base.label} takes pictures of any size: its speed depends on theirs.",
            expected="a base with an input size of its own",
        )
    if isinstance(base, FromCatalogue):
        base = replace(base, weights="none")
    backbone = build_from(base, base.obtain(), input_shape=shape)
    pictures = np.zeros((_BATCH, *shape), np.uint8)
    backbone.model.predict_on_batch(pictures)  # the first one compiles
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        backbone.model.predict_on_batch(pictures)
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
