"""Pretrained networks as plain `keras.Model`s from pixels to a feature map."""

from viewfinder.bases.networks.backbone import Backbone
from viewfinder.bases.networks.building import build_backbone, build_from
from viewfinder.bases.networks.own import wrap_backbone

__all__ = ["Backbone", "build_backbone", "build_from", "wrap_backbone"]
