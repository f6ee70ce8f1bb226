"""Any result as a Matplotlib figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pandas as pd

from viewfinder.core.errors import UsageError
from viewfinder.evaluation.evaluate import Scores
from viewfinder.evaluation.metrics import Metrics
from viewfinder.evaluation.robustness import Robustness
from viewfinder.pages.evaluation_plots import reliability, robustness
from viewfinder.pages.plots import confusion_matrix, curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from viewfinder.explain.activations import FeatureMaps
    from viewfinder.explain.attribution import Explanation
    from viewfinder.explain.crops import CropMap

    Drawable = (
        Scores
        | Metrics
        | Robustness
        | pd.DataFrame
        | FeatureMaps
        | CropMap
        | Explanation
        | Sequence[Explanation]
    )


def draw(found: "Drawable") -> "Figure":
    """Draw a result as a Matplotlib figure, which a notebook shows and `savefig` writes.

    Args:
        found: `Scores` become a confusion matrix; the `Metrics` of an `Evaluation` a reliability
            diagram; its robustness a curve for each change; a run's history, or what Keras's `fit`
            returns, curves of the accuracy or else of the loss; one or several explanations,
            feature maps and a crop map what `viewfinder explain` draws.

    Raises:
        UsageError: It is none of these.
    """
    match found:
        case Scores():
            return confusion_matrix(found.confusion, [one.name for one in found.per_class])
        case Metrics():
            return reliability(found)
        case Robustness():
            return robustness(found)
        case pd.DataFrame():
            return curves(found, "accuracy")
    if isinstance(history := getattr(found, "history", found), dict):  # of Keras
        frame = pd.DataFrame(history).rename(columns={"acc": "accuracy", "val_acc": "val_accuracy"})
        frame.insert(0, "epoch", range(1, len(frame) + 1))
        return curves(frame, "accuracy" if "accuracy" in frame else "loss")
    return _drawn_explanation(found)


def _drawn_explanation(found: object) -> "Figure":
    from viewfinder.explain.activations import FeatureMaps  # imports Keras
    from viewfinder.explain.attribution import Explanation
    from viewfinder.explain.crops import CropMap
    from viewfinder.pages.explanations.crops import draw_crops
    from viewfinder.pages.explanations.maps import draw_maps
    from viewfinder.pages.explanations.where import draw_explanations

    match found:
        case FeatureMaps():
            return draw_maps(found)
        case CropMap():
            return draw_crops(found)
        case Explanation():
            return draw_explanations([found])
        case [Explanation(), *_]:
            return draw_explanations(cast("Sequence[Explanation]", found))
    raise UsageError(
        "This cannot be drawn.",
        expected="scores, metrics, robustness, a history, explanations, feature maps or a crop map",
        received=type(found).__name__,
    )
