"""Whole jobs from top to bottom: train, resume, folds, a search, a learning rate, crops.

prepare   pictures split, read and given out in batches
fit       the model of a recipe: by steps, or a head on the features of a base (features, heads)
train     a dataset and a recipe → a run; everything after the fit, for every kind of run
"""
