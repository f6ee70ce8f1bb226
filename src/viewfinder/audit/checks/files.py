"""Checks of files: unreadable, damaged, misnamed, rotated, and unusual ones.

Each check is a function from the audit's table (a row a picture: the dataset's columns and those
of `Measurement`) to findings.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from viewfinder.audit.finding import Finding, Severity, about
from viewfinder.core.errors import Reason
from viewfinder.data.dataset import OK, Dataset
from viewfinder.data.masks import REMEDY, in_words, masks_in
from viewfinder.pictures.codecs.magic import UNKNOWN

_ENDINGS = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif", "jif"),
    "png": ("png", "apng"),
    "gif": ("gif",),
    "bmp": ("bmp", "dib"),
    "webp": ("webp",),
    "tiff": ("tif", "tiff"),
    "heif": ("heic", "heif", "hif"),
    "avif": ("avif",),
    "ppm": ("ppm", "pgm", "pbm", "pnm"),
    "jpeg2000": ("jp2", "j2k", "jpf", "jpx", "jpc", "j2c"),
    "tga": ("tga", "vda", "icb", "vst"),
}
_REMEDIES = {
    Reason.EMPTY: "obtain the files again, or remove them; training skips them",
    Reason.MISSING: "the files are listed but cannot be read: check their permissions",
    Reason.NOT_A_PICTURE: "remove them from the class folders; training skips them",
    Reason.UNSUPPORTED: "save them as JPEG or PNG; training skips them",
    Reason.TRUNCATED: "obtain the files again; training skips them",
    Reason.CORRUPT: "obtain the files again; training skips them",
    Reason.TOO_LARGE: "shrink them; training skips them",
}
_TRAITS = {
    "CMYK": (
        "in CMYK, for printing",
        "colours are converted without a profile; save as RGB if they look wrong",
    ),
    "16-bit": ("of 16 bits", "nothing: they are converted to 8 bits"),
    "transparent": (
        "partly transparent",
        "transparent parts are read as white: where subjects are white, too, save the pictures on "
        "another background",
    ),
    "opaque alpha": (
        "stored with an alpha channel without effect",
        "nothing: the channel is ignored",
    ),
    "several frames": (
        "animated or of several pages",
        "only the first frame is used; save others as pictures of their own if they matter",
    ),
}
# The most kinds of unreadable files that a remedy names.
_MOST_KINDS = 2
# Notes that other findings report.
_NO_FAULTS = ("CMYK converted", "first frame of")


def unreadable(table: pd.DataFrame) -> list[Finding]:
    """Find rejected pictures, by reason."""
    findings: list[Finding] = []
    for reason in Reason:
        rows = table[table["status"] == reason.value]
        remedy = _REMEDIES[reason]
        if reason in (Reason.NOT_A_PICTURE, Reason.UNSUPPORTED):
            known = rows["detail"][~rows["detail"].str.startswith(UNKNOWN)]
            remedy = "; ".join([*known.value_counts().index[:_MOST_KINDS], remedy])
        findings += about(
            f"unreadable: {reason.value}",
            Severity.WARNING,
            rows,
            rows["detail"],
            f"is skipped: {reason.value}.",
            remedy,
        )
    return findings


def damaged(table: pd.DataFrame) -> list[Finding]:
    """Find files with a fault that decode in full."""
    notes = table["detail"].where(table["status"] == OK, "").map(_faults)
    rows = table[notes != ""]
    return about(
        "damaged but readable",
        Severity.INFO,
        rows,
        notes[rows.index],
        "has a damaged file, with all pixels.",
        "nothing for Viewfinder; other programs may refuse them or print warnings",
    )


def _faults(detail: str) -> str:
    return "; ".join(part for part in detail.split("; ") if not part.startswith(_NO_FAULTS))


def wrong_ending(table: pd.DataFrame) -> list[Finding]:
    """Find file names whose suffix does not match the content."""
    known = table[table["format"].isin(list(_ENDINGS))]
    wrong = [
        _ending(locator) not in _ENDINGS[format]
        for locator, format in zip(known["locator"], known["format"], strict=True)
    ]
    # As a Boolean array, because pandas reads an empty list as columns.
    rows = known[np.array(wrong, np.bool_)]
    notes = [
        f"{format.upper()} inside, named {_ending(locator) or 'without an ending'}"
        for locator, format in zip(rows["locator"], rows["format"], strict=True)
    ]
    return about(
        "wrong ending",
        Severity.INFO,
        rows,
        notes,
        "has a name that does not match the content.",
        "nothing for Viewfinder, which reads by content; rename them for other programs",
    )


def _ending(locator: str) -> str:
    return PurePosixPath(locator).suffix[1:].lower()


def turned(table: pd.DataFrame) -> list[Finding]:
    """Find pictures that EXIF rotates or mirrors."""
    rows = table[(table["status"] == OK) & (table["orientation"] > 1)]
    return about(
        "rotated by EXIF",
        Severity.INFO,
        rows,
        (f"orientation {value}" for value in rows["orientation"]),
        "is stored rotated or mirrored, and upright by EXIF.",
        "nothing for Viewfinder; programs that ignore EXIF show them rotated",
    )


def odd_modes(table: pd.DataFrame) -> list[Finding]:
    """Find pictures in CMYK, of 16 bits, with alpha, or of several frames."""
    findings: list[Finding] = []
    traits = table["traits"].str.split("; ")
    for trait, (words, remedy) in _TRAITS.items():
        rows = table[np.array([trait in found for found in traits], np.bool_)]
        findings += about(
            f"mode: {trait}",
            Severity.INFO,
            rows,
            rows["format"].str.upper(),
            f"is {words}.",
            remedy,
        )
    return findings


def partial_depths(table: pd.DataFrame) -> list[Finding]:
    """Find pictures that are read as having fewer bits than their files state."""
    depths = table["traits"].str.extract(r"(\d+ of \d+ bits|\d+-bit)", expand=False)
    kinds = sorted(depths.dropna().unique())
    severity = Severity.WARNING if len(kinds) > 1 else Severity.INFO
    findings: list[Finding] = []
    for depth in kinds:
        used, of, _ = depth.partition(" of ")
        others = ", ".join(kind for kind in kinds if kind != depth)
        white = f"{(1 << int(used)) - 1:,}" if of else ""
        rows = table[depths == depth] if of else table[:0]
        findings += about(
            f"mode: {depth}",
            severity,
            rows,
            rows["format"].str.upper(),
            f"has samples of {depth}.",
            f"others are {others}, so that equal levels are not equal light: scale all to 8 bits"
            if others
            else f"nothing if {white} is white: they are read so",
        )
    return findings


def masks(dataset: Dataset) -> list[Finding]:
    """Find masks among the pictures, by their names."""
    paths = tuple(dataset.table["locator"][masks_in(dataset)])
    if not paths:
        return []
    notes, remedy = ("a mask, by its name",) * len(paths), REMEDY.format("DATA")
    return [Finding("masks", Severity.WARNING, in_words(paths), remedy, paths, notes)]


def reading(table: pd.DataFrame) -> Iterator[Finding]:
    """Run all checks of this module."""
    for check in (unreadable, damaged, wrong_ending, turned, odd_modes, partial_depths):
        yield from check(table)
