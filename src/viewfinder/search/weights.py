"""Which of the probe's weights are at hand; the default base may do with another width."""

from viewfinder.bases.at_hand import find_weights
from viewfinder.bases.base import Base
from viewfinder.bases.from_catalogue import FromCatalogue
from viewfinder.bases.published import published_weights
from viewfinder.bases.settings import Transfer
from viewfinder.errors import DataError
from viewfinder.progress import Progress
from viewfinder.recipe import Recipe


def with_weights(probe: Recipe, progress: Progress) -> Recipe | None:
    """The probe's recipe with a base that is here now, or None where there is none.

    ImageNet's weights are downloaded where they are not at hand; but where no width was asked
    for, a narrower network that is at hand is taken first.

    Raises:
        UsageError: The base is of KerasHub, which is not installed.
        DataError: A file or a preset was named, and there is none.
    """
    at_hand = with_weights_at_hand(probe, progress)
    if at_hand:
        return at_hand
    try:
        _base_of(probe).obtain(progress=progress)
    except DataError as error:
        progress.say(f"{error.fact} {error.received or ''}".strip(), style="yellow")
        return None
    return probe


def with_weights_at_hand(probe: Recipe, progress: Progress) -> Recipe | None:
    """The same without a download of ImageNet's weights: None where they would need one.

    Raises:
        UsageError, DataError: As :func:`with_weights`.
    """
    settings, base = probe.model, _base_of(probe)
    assert isinstance(settings, Transfer)
    if not isinstance(base, FromCatalogue) or settings.weights != "imagenet":
        base.obtain(progress=progress)
        return probe
    network = base.network
    widths = [settings.alpha] if settings.alpha else sorted(network.widths, reverse=True)
    for width in widths:
        if find_weights(published_weights(network, width, network.size)):
            return probe.changed({"model.alpha": width if network.has_alpha else None})
    return None


def _base_of(probe: Recipe) -> Base:
    assert isinstance(probe.model, Transfer)
    return probe.model.built_on
