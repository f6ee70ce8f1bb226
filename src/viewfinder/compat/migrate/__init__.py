"""Rewrites scripts and notebooks of Keras 1 and 2, so that they run on Keras 3.

- `files`: files and folders; the entry point.
- `names`: what was renamed, as tables.
- `facts`: what a file says about itself (metrics, optimizers' modules, layers), read before.
- `rewrites`, `imports`, `calls`: the changes, with LibCST, which keeps the formatting.
- `sources`: scripts and notebooks as Python modules, with shell lines masked.
"""
