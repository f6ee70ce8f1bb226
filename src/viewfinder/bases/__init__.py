"""What is known of the networks that others have trained: records and files, without Keras.

`base` says what a base is, and `naming` finds one by its name: from the `catalogue` of
`keras.applications`, from a file of the user's own, or from KerasHub. `published` knows where
ImageNet's weights are, and `at_hand` brings them to the disk. `header` and `model_file` read what
a file holds without reading its weights.
"""
