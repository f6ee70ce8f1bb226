"""The golden pictures of a bundle: some of the run's own, with their expected results."""

import io
import re
from collections.abc import Iterator

from PIL import Image

from viewfinder.classifier import Classifier
from viewfinder.classifier.bundle import GoldenPicture
from viewfinder.core.errors import RejectedPicture, ViewfinderError
from viewfinder.delivery.bundle.verify import pixels_hash
from viewfinder.pictures.codecs.types import Pixels
from viewfinder.pictures.decode import decode
from viewfinder.pictures.prepare import prepare
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.run import Run

_COUNT = 8
# Any file but a small plain JPEG is replaced by a PNG of at most this longer side.
_MOST_BYTES = 256 << 10
_SIDE = 512
# Markers of comments and of applications' segments in a JPEG, but for JFIF's header without a
# thumbnail and Adobe's mark of the colour transform. Compressed pixels have no such bytes; where a
# table has them, the file is replaced without need.
_METADATA = re.compile(rb"\xff(?:[\xe1-\xed\xef\xfe]|\xe0(?!\x00\x10)|\xee(?!\x00\x0e))", re.DOTALL)


def golden_pictures(run: Run, classifier: Classifier) -> list[tuple[GoldenPicture, bytes]]:
    """Return up to 8 pictures of the test split, else the validation split, and their bytes.

    They are of as many classes as possible: the first pictures of each class in turn. None holds
    metadata, such as the place where it was taken.
    """
    found: list[tuple[GoldenPicture, bytes]] = []
    for label, encoded in _candidates(run, classifier.preprocessing):
        try:
            prepared = prepare(encoded, classifier.preprocessing)
        except RejectedPicture:
            continue
        file = f"golden/{len(found)}.{prepared.format.lower()}"
        row = classifier.probabilities(prepared.pixels[None])[0]
        expected = dict(zip(classifier.classes, map(float, row), strict=True))
        picture = GoldenPicture(
            file=file, label=label, pixels=pixels_hash(prepared.pixels), probabilities=expected
        )
        found.append((picture, encoded))
        if len(found) == _COUNT:
            break
    return found


def _candidates(run: Run, preprocessing: Preprocessing) -> Iterator[tuple[str, bytes]]:
    """Yield labels and encoded pictures, class after class in turn."""
    dataset = run.dataset
    table = dataset.table
    splits = set(table["split"])
    for split in (name for name in ("test", "validation") if name in splits):
        rows = table[table["split"] == split]
        turn = rows.groupby("label").cumcount()
        for row in rows.assign(turn=turn).sort_values(["turn", "label"]).itertuples():
            try:
                picture = dataset.source.read(str(row.locator))
                yield str(row.label), without_metadata(picture, preprocessing)
            except ViewfinderError:  # it has moved, or is damaged now
                continue


def without_metadata(picture: bytes | Pixels, preprocessing: Preprocessing) -> bytes:
    """Return a JPEG file that is small and plain as it is; others as PNG, upright, of 512 pixels.

    A picture without a side above 512 pixels keeps its pixels.
    """
    if isinstance(picture, bytes):
        if len(picture) <= _MOST_BYTES and _is_plain_jpeg(picture):
            return picture
        picture = decode(
            picture,
            color=preprocessing.color,
            background=preprocessing.background,
            at_least=(_SIDE, _SIDE),
        ).pixels
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2:] == (1,) else picture)
    image.thumbnail((_SIDE, _SIDE))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _is_plain_jpeg(encoded: bytes) -> bool:
    """Return whether a file is a JPEG without metadata, thumbnails, or anything after its end."""
    if not encoded.startswith(b"\xff\xd8") or encoded.find(b"\xff\xd9") != len(encoded) - 2:
        return False
    return _METADATA.search(encoded) is None
