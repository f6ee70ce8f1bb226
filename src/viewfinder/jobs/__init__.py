"""The main job over a frozen base: features once, a head in a moment, and the same kind of run.

`features` is what the base says of each split's pictures, `head` what is fitted on it; `run` makes
the run of both, and `head_first` gives a model its head before it is fine-tuned.
"""
