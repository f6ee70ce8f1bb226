"""Networks that others have trained, as plain `keras.Model`s from pixels to a feature map."""

from viewfinder.models.backbones.backbone import Backbone
from viewfinder.models.backbones.building import build_backbone, build_from
from viewfinder.models.backbones.own import wrap_backbone

__all__ = ["Backbone", "build_backbone", "build_from", "wrap_backbone"]
