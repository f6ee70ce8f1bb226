"""Pretrained networks as records and files, without Keras.

`base` defines a base, and `naming` finds one by name: EfficientNet-Lite0 (`from_wheel`, `lite`), a
network of `keras.applications` (`from_catalogue`, `catalogue`), a model file (`from_file`) or a
preset of KerasHub (`from_hub`).
`at_hand` finds or downloads ImageNet weights. `networks` builds the `keras.Model`s.
"""
