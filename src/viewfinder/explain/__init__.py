"""What a model sees: convolution by hand, feature maps, where it looked, and crops."""
