"""Frozen features: the outputs of a pretrained network, computed once and stored.

`base` builds the network of a recipe, `extractor` runs it, `store` has the features on disk, and
`compute` adds those that are missing. `probe` is the linear classifier on top, and `table` the
features of a dataset in one file.
"""

from viewfinder.models.features.compute import View, features_of
from viewfinder.models.features.extractor import Extractor
from viewfinder.models.features.probe import Linear, Probe, fit_probe
from viewfinder.models.features.store import FeatureStore

__all__ = ["Extractor", "FeatureStore", "Linear", "Probe", "View", "features_of", "fit_probe"]
