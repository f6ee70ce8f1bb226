"""What a trained classifier is worth, in numbers, plots and one page."""
