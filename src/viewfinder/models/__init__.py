"""Models: plain `keras.Model`s that take pixels from 0 to 255 and give probabilities."""

from viewfinder.recipe.transfer import Head
from viewfinder.runtime.backend import use_backend

use_backend()  # settled here, because Keras looks for its backend when it is first imported

from viewfinder.bases.networks import Backbone, build_backbone  # noqa: E402
from viewfinder.models.build import build_model, model_summary  # noqa: E402
from viewfinder.models.transfer import transfer  # noqa: E402

__all__ = ["Backbone", "Head", "build_backbone", "build_model", "model_summary", "transfer"]
