"""Frozen features: what a pretrained network says of a picture, computed once and kept.

`extractor` is the network and what runs it, `store` the features on the disk, `compute` brings
both together; `probe` is the linear classifier on top.
"""

from viewfinder.features.compute import View, features_of
from viewfinder.features.extractor import Extractor
from viewfinder.features.probe import Linear, Probe, fit_probe
from viewfinder.features.store import FeatureStore

__all__ = ["Extractor", "FeatureStore", "Linear", "Probe", "View", "features_of", "fit_probe"]
