"""Networks: plain `keras.Model`s from pixels of 0 to 255 to probabilities."""

from viewfinder.recipe.transfer import Head
from viewfinder.runtime.backend import use_backend

use_backend()  # before the first import of Keras, which then fixes its backend

from viewfinder.bases.networks import BuiltBase, build_base
from viewfinder.models.networks.transfer import build_model, model_summary, transfer

__all__ = ["BuiltBase", "Head", "build_base", "build_model", "model_summary", "transfer"]
