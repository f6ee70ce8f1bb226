"""Backends and devices, ONNX Runtime, export, and loading of models in safe mode."""
