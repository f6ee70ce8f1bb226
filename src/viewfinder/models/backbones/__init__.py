"""Networks that others have trained, as plain `keras.Model`s from pixels to a feature map."""

from viewfinder.models.backbones.backbone import Backbone, build_backbone, wrap_backbone

__all__ = ["Backbone", "build_backbone", "wrap_backbone"]
