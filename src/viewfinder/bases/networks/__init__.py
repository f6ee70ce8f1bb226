"""Pretrained networks as plain `keras.Model`s from pixels to a feature map."""

from viewfinder.bases.networks.building import build_base, build_from
from viewfinder.bases.networks.built import BuiltBase
from viewfinder.bases.networks.own import wrap_base

__all__ = ["BuiltBase", "build_base", "build_from", "wrap_base"]
