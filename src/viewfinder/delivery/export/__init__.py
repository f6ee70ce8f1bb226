"""Exports for other programs: a model in one of their formats, checked on real pictures.

export         a run, bundle or model → a folder, if it predicts as `viewfinder predict` does
pictures       the real pictures: of the run, of the bundle, or given
formats        how each format is written and run
onnx_graph     ONNX networks: from pixels or decoded pictures to probabilities, and in 8 bits
picture_graph  the preprocessing as a part of a network
"""
