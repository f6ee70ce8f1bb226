"""Splits and folds as columns of a table."""
