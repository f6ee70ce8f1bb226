"""Masks and other annotations that stand beside their pictures: `x.png` and `x_mask.png`."""

import re
import shlex
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from viewfinder.data.dataset import Dataset
from viewfinder.data.sources.folder_names import ANNOTATIONS

# The words that masks have in their names beside those of folders of annotations.
_WORDS = "|".join(sorted((*ANNOTATIONS, "seg", "ground_truth", "superpixels"), key=len)[::-1])
_AFTER = re.compile(rf"(.*[^-_. ])[-_. ]*(?:{_WORDS})[-_. ]*\(?\d*\)?", re.IGNORECASE)
_BEFORE = re.compile(rf"(?:{_WORDS})[-_. ]+(.+)", re.IGNORECASE)

REMEDY = "viewfinder clean {} --fix masks --output NAME.dataset leaves them out"


def masks_in(dataset: Dataset) -> NDArray[np.bool_]:
    """Return whether each picture is a mask by its name, shape `(len(dataset),)`.

    Its name is that of a picture of its class with a word such as `mask` or `seg`; and most
    pictures of a class have such a mask.
    """
    locators = dataset.table["locator"]
    if not locators.str.contains(f"(?i){_WORDS}", regex=True).any():
        return np.zeros(len(locators), np.bool_)
    stems = locators.str.rpartition("/")[2].str.replace(r"\.\w+$", "", regex=True)
    labels = dataset.table["label"]
    known = set(zip(labels, stems, strict=True))

    def masked(label: str, stem: str) -> str:
        """The picture that this one is a mask of; "" for none."""
        for pattern in (_AFTER, _BEFORE):
            if (found := pattern.fullmatch(stem)) and (label, found[1]) in known:
                return f"{label}/{found[1]}"
        return ""

    of = pd.Series(map(masked, labels, stems), labels.index, dtype="str")
    is_mask = of != ""
    has_mask = (labels + "/" + stems).isin(set(of[is_mask]))[~is_mask]
    shares = has_mask.groupby(labels[~is_mask]).mean()
    return (is_mask & bool((shares > 0.5).any())).to_numpy(bool)


def in_words(masks: Sequence[str]) -> str:
    """Return the warning about these pictures, given their locators."""
    return f"Pictures named like masks of others: {len(masks):,}, such as {masks[0]}."


def warning(dataset: Dataset) -> str:
    """Return the warning about masks in the dataset, with the remedy; "" without masks."""
    masks = list(dataset.table["locator"][masks_in(dataset)])
    remedy = REMEDY.format(shlex.quote(str(dataset.source)))
    return f"{in_words(masks)} {remedy}." if masks else ""
