"""EfficientNet-Lite0, described once for Keras and for ONNX.

`plan` lists its convolutions and additions, `weights` reads or draws their weights, and `graph`
writes the network as ONNX without a deep-learning framework. `torch_file` reads the published file
without PyTorch. M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural
networks", ICML 2019; the Lite variant has ReLU6 and no squeeze-and-excitation.
"""
