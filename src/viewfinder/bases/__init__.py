"""What is known of the networks that others have trained: records and files, without Keras.

`catalogue` says which there are, `published` where their ImageNet weights are, `at_hand` brings
these to the disk, and `header` reads what a weights file holds without reading the weights.
"""
