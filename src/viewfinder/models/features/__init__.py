"""Features: the outputs of a frozen base, computed once and stored, and linear heads on them.

`base` has the network with its settings, as an `extractor`; `store` keeps features on disk, and
`compute` adds those that are missing. `probe` is the linear head, `joined` base and head as one
model, and `table` the features of a dataset in one file.
"""
