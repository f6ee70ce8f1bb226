"""Which of the probe's weights are at hand; the default base may do with another width."""

from viewfinder.bases.at_hand import find_weights, weights_file
from viewfinder.bases.catalogue import base_named
from viewfinder.bases.published import published_weights
from viewfinder.bases.settings import Transfer
from viewfinder.errors import DataError
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe


def with_weights(probe: Recipe, progress: Progress) -> Recipe | None:
    """The probe's recipe with weights that are here now, or None where there are none.

    ImageNet's weights are downloaded where they are not at hand; but where no width was asked
    for, a narrower network that is at hand is taken first.

    Raises:
        DataError: A weights file was named, and there is none.
    """
    settings = probe.model
    assert isinstance(settings, Transfer)
    base = base_named(settings.base)
    if settings.weights != "imagenet":
        weights_file(base, settings.alpha, settings.weights, base.size, progress)
        return probe
    widths = [settings.alpha] if settings.alpha else sorted(base.widths, reverse=True)
    for width in widths:
        if find_weights(published_weights(base, width, base.size)):
            alpha = width if base.has_alpha else None
            return probe.changed({"model.alpha": alpha})
    try:
        weights_file(base, settings.alpha, settings.weights, base.size, progress)
    except DataError as error:
        progress.say(f"{error.fact} {error.received or ''}".strip(), style="yellow")
        return None
    return probe
