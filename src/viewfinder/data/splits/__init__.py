"""Splits and folds as columns of a table with a row for each picture.

table       names of splits, class indices, and what placing pictures returns
placement   the rules in numbers: which group of pictures goes to which split or fold
groups      which pictures stay together
shares      train, validation and test
folds       folds for cross-validation
"""
