"""The head before fine-tuning: fitted on the frozen base's features, as the first phase."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewfinder.data.dataset import SPLITS
from viewfinder.frozen.features import frozen_base, split_features, training_views
from viewfinder.frozen.head import fitted_head, linear_history, write_model
from viewfinder.prepared import Prepared
from viewfinder.progress import Progress
from viewfinder.run import best_epoch

if TYPE_CHECKING:
    import keras

    from viewfinder.training.fit import Fitted


def fit_head_first(
    model: "keras.Model",
    prepared: Prepared,
    wanted: NDArray[np.uint64],
    folder: Path,
    progress: Progress,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
) -> "Fitted":
    """Give a model the head that its frozen base's features ask for, before it is fine-tuned.

    Args:
        model: Base and head; the head gets its weights.
        prepared: The pictures.
        wanted: The ids of the training pictures that the head is fitted on.
        folder: Gets `best.keras`, `last.keras` and `history.csv`, as a fit leaves them.
        progress: Shows how far it is.
        callbacks: Further Keras callbacks, for a head that is trained in epochs; one that was
            stopped goes on.

    Raises:
        DataError: A class has too few pictures for two folds.
    """
    from viewfinder.training.fit import Fitted
    from viewfinder.training.heads import head_probabilities, set_head
    from viewfinder.training.phases import Phases

    began = time.perf_counter()
    base, recipe = frozen_base(prepared, progress), prepared.recipe
    parts = {split: split_features(prepared, split, base, progress) for split in SPLITS[:2]}
    training = training_views(prepared, parts["train"], base, progress)
    is_wanted = np.isin(parts["train"].dataset.ids, wanted)
    parts["train"] = parts["train"].where(is_wanted)
    head = fitted_head(
        training[is_wanted],
        parts,
        recipe,
        base.settings.head,
        progress,
        callbacks,
        folder=Phases(folder).head,
    )
    set_head(model, head.weights)
    history = head.history
    if history is None:
        answers = {
            split: head_probabilities(head.weights, part.rows) for split, part in parts.items()
        }
        history = linear_history(parts, answers, recipe.training.label_smoothing)
    write_model(model, history, folder)
    seconds = time.perf_counter() - began
    return Fitted(history, head.seconds, seconds, best_epoch(history), head.ended, head.why)
