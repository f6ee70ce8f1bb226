"""From bytes to upright pixels to a model's input, or one typed rejection."""
