"""Pictures whose bytes occur under two labels, so that at least one of the labels is wrong."""

import pandas as pd

from viewfinder.core.words import listed
from viewfinder.data.dataset import OK

_SHOWN = 3


def contradicting(table: pd.DataFrame) -> pd.DataFrame:
    """Return the readable pictures whose bytes occur under more than one label.

    Args:
        table: A dataset's table, with the contents of the pictures that have been read.
    """
    known = table[(table["status"] == OK) & (table["content"] != "")]
    labels = known.groupby("content")["label"].transform("nunique")
    return known[labels > 1].sort_values(["content", "label", "locator"])


def in_words(rows: pd.DataFrame) -> str:
    """Return the warning about the pictures that :func:`contradicting` returns."""
    groups = [list(group["locator"]) for _, group in rows.groupby("content", sort=False)]
    shown = listed([" = ".join(group[:2]) for group in groups], _SHOWN, separator="; ")
    return (
        f"{len(rows):,} pictures are exact copies of each other under different labels "
        f"({shown}): at least {len(groups):,} of these labels "
        f"{'is' if len(groups) == 1 else 'are'} wrong."
    )
