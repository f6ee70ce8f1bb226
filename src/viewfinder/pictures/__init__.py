"""Decoding and preparation of pictures: bytes to upright pixels to a model's input."""
