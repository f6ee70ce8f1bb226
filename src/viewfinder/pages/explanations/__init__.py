"""Explanations as figures: convolution by hand, feature maps, where a model looked, crops."""
