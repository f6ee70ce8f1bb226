"""How many pictures a base takes in a second on this machine: measured, and remembered."""

import statistics
import time

import keras
import numpy as np

from viewfinder.bases.catalogue import Base
from viewfinder.bases.speeds import Speed, remember_speed
from viewfinder.models.backbones.backbone import build_backbone
from viewfinder.parallel import cores
from viewfinder.progress import Progress

_BATCH = 16
_REPEATS = 5


def measure_speed(
    base: Base, alpha: float | None = None, *, progress: Progress | None = None
) -> Speed:
    """Measure Keras's forward pass at the base's own size, and remember it.

    The weights are drawn, because they do not change the speed. The machine should do nothing
    else meanwhile.

    Args:
        base: The network.
        alpha: Its width; None is the full one.
        progress: Says what is being measured.
    """
    progress = progress or Progress(0)
    progress.say(f"Measuring {base.name} …")
    shape = (base.size, base.size, 3)
    backbone = build_backbone(base.name, input_shape=shape, alpha=alpha, weights="none")
    pictures = np.zeros((_BATCH, *shape), np.uint8)
    backbone.model.predict_on_batch(pictures)  # the first one compiles
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        backbone.model.predict_on_batch(pictures)
        seconds.append(time.perf_counter() - began)
    speed = Speed(
        pictures_per_s=_BATCH / statistics.median(seconds),
        alpha=base.width(alpha),
        size=base.size,
        backend=keras.backend.backend(),
        cores=cores(),
    )
    remember_speed(base.name, speed)
    return speed
