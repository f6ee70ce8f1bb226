"""A model in a format of other programs, checked on real pictures before it takes its name."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from viewfinder.classifier import Classifier
from viewfinder.classifier.adapting import OnnxNetwork
from viewfinder.classifier.bundle import read_bundle
from viewfinder.classifier.classifier import shares_of
from viewfinder.classifier.files import EXPORT, HANDED, NAMES
from viewfinder.core.class_names import read_class_names
from viewfinder.core.errors import DataError, OutputError, UsageError, ViewfinderError, nearest
from viewfinder.core.files import named, unwritable, write_json, write_text
from viewfinder.core.pairs import on_one_only
from viewfinder.core.progress import Progress
from viewfinder.delivery.export.formats import (
    FORMATS,
    OF_ONNX,
    RAW,
    Name,
    Network,
    session,
    tensor_preparing,
)
from viewfinder.delivery.export.pictures import Real, prepared_batches, real_pictures
from viewfinder.models.opening import load
from viewfinder.runtime.onnx import BATCH, OnnxModel
from viewfinder.runtime.quantizing import INT8, quantized

if TYPE_CHECKING:
    from viewfinder.run import Run

# The largest difference of a probability from that of `viewfinder predict`. Where pixels or weights
# are rounded otherwise: the largest share of pictures that another label may be given, where the
# model itself finds the two labels further apart than a tie.
_TOLERANCE, _MOST_OTHER, _TIE = 1e-4, 0.02, 0.01


@dataclass(frozen=True)
class Export:
    """What was written, and how it predicts beside `viewfinder predict` on real pictures.

    Attributes:
        path: The folder.
        format: The format.
        raw: Whether it takes decoded pictures of any size.
        bytes: The size of the network.
        pictures: How many real pictures were compared.
        same_label: How many of them have the same most probable class.
        difference: The largest difference of a probability.
        share_of_size: Of int8: its size as a share of that in float32; else None.
        accuracy_change: Of int8, on pictures with a known class: the accuracy minus that in
            float32, and its 95 % interval; else None.
        levels: Of raw exports: the mean and the largest difference of a pixel's level (0 to 255)
            from the input that `viewfinder predict` prepares; else None.
    """

    path: Path
    format: Name
    raw: bool
    bytes: int
    pictures: int
    same_label: int
    difference: float
    share_of_size: float | None = None
    accuracy_change: tuple[float, tuple[float, float]] | None = None
    levels: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the document of `viewfinder export --json`; see docs/schemas.py."""
        change = self.accuracy_change
        figure = None if change is None else {"value": change[0], "interval": list(change[1])}
        names = ("mean", "most")
        levels = None if self.levels is None else dict(zip(names, self.levels, strict=True))
        record = vars(self) | {"path": str(self.path), "accuracy_change": figure, "levels": levels}
        return {"schema": 1, **record}


def export(
    model: "Run | str | Path",
    to: str = "onnx",
    output: str | Path | None = None,
    *,
    raw: bool = False,
    pictures: Sequence[str | Path] | str | Path | None = None,
    class_names: Sequence[str] | str | Path | None = None,
    preprocessing: str | Path | None = None,
    progress: Progress | None = None,
) -> Export:
    """Export a model to a folder: the network, `labels.txt` and `preprocessing.json`.

    The export predicts real pictures as :func:`viewfinder.load` does, or it is refused: in float32
    on prepared pictures every probability within 0.0001; in int8 or from decoded pictures another
    label on at most 2 % of them (one, of fewer than 100). A label to which the model itself gives a
    probability within 0.01 of its own label's is no other label.

    Args:
        model: A run, a bundle, or a model that was trained elsewhere.
        to: "onnx", "onnx-int8", "savedmodel", "litert", "openvino", "keras", "weights" or "h5".
        output: The folder, which does not exist yet; by default `NAME-FORMAT` beside the model.
        raw: Whether the preprocessing is a part of the network, so that it takes a decoded picture
            (uint8, height × width × 3, upright, R, G and B) of any size.
        pictures: Files, folders or globs, in place of the run's test and validation pictures or the
            bundle's golden pictures.
        class_names: As for :func:`viewfinder.load`.
        preprocessing: As for :func:`viewfinder.load`.
        progress: Shows the check.

    Returns:
        What was written, and how it predicts.

    Raises:
        UsageError: The model cannot be exported so, or the export predicts otherwise. Nothing is
            left.
        OutputError: The folder exists, or cannot be written. Nothing is left.
        RunError, DataError: The model or the run's data cannot be opened.
    """
    source = Path(model) if isinstance(model, str | Path) else model.folder
    name = _name(to, raw=raw)
    progress = progress or Progress(0)
    classifier = load(source, class_names=class_names, preprocessing=preprocessing)
    for note in classifier.notes:
        progress.say(note)
    if raw and (classifier.preprocessing.isolate or classifier.preprocessing.zoom < 1):
        raise UsageError(
            "`raw`: the preprocessing cuts pictures (isolate, zoom), which the export does not.",
            expected="an export of prepared pictures",
        )
    if name == "onnx-int8" and INT8 in getattr(classifier.network, "facts", {}):
        raise UsageError("The model predicts in 8 bits already.", remedy="export it as onnx")
    suffix = f"-{name}{'-raw' if raw else ''}"
    home = named(source)
    folder = Path(output) if output else home.with_name(home.stem + suffix)
    if os.path.lexists(folder):  # also a link that leads nowhere; False for names that are too long
        raise OutputError(f"{folder} exists already.", remedy="choose another `output`")
    listed = [pictures] if isinstance(pictures, str | Path) else pictures
    given = None if listed is None else [str(one) for one in listed]
    checked, ranges = real_pictures(classifier, given, ranges=name == "onnx-int8")
    with _written_folder(folder) as temporary:
        path = temporary / FORMATS[name].file
        _write_facts(temporary, classifier)
        before = _size(temporary)
        with _errors_in_words(name):
            share, preparing = _write(path, classifier, source, name, ranges, raw=raw)
            network = FORMATS[name].open(path, raw)
        size = _size(temporary) - before
        answers = _answers(network, classifier, checked, preparing, progress)
        return _export(folder, name, size, share, answers)


def _name(to: str, *, raw: bool) -> Name:
    names: dict[str, Name] = {str(name): name for name in FORMATS}
    if to not in names:
        raise UsageError(f"There is no format {to!r}.", remedy=nearest(to, names))
    if raw and names[to] not in RAW:
        raise UsageError(
            f"`raw`: a {to} export has no preprocessing inside.",
            expected=f"one of {', '.join(RAW)}",
        )
    return names[to]


@contextmanager
def _written_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed when the block ends without an error."""
    temporary = folder.with_name(f".exporting-{uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def _errors_in_words(name: Name) -> Iterator[None]:
    """Raise `UsageError` for what a converter raises: their exceptions share no base class."""
    try:
        yield
    except (ViewfinderError, OSError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise UsageError(
            f"This model cannot be exported to {name}.",
            received=str(error).strip().partition("\n")[0][:300] or type(error).__name__,
            remedy="another format",
        ) from error


def _write_facts(folder: Path, classifier: Classifier) -> None:
    """Write the classes and the preprocessing, as :func:`viewfinder.load` reads them."""
    write_text(folder / NAMES, "".join(f"{name}\n" for name in classifier.classes))
    try:
        read = read_class_names(folder / NAMES)
    except DataError:
        read = ()
    if read != classifier.classes:
        raise UsageError(
            f"The names of the classes cannot be lines of {NAMES}.",
            expected="names without line breaks, blanks around them, or numbers before all of them",
            received=", ".join(map(repr, classifier.classes[:5])),
        )
    facts = classifier.preprocessing.model_dump(mode="json")
    write_json(folder / HANDED, {"schema": 1, "preprocessing": facts, "scaling": "0-255"})


def _write(
    path: Path,
    classifier: Classifier,
    source: Path,
    name: Name,
    ranges: Sequence[Real],
    *,
    raw: bool,
) -> tuple[float | None, Network | None]:
    """Write the network.

    Returns:
        The share of its size in int8, and what prepares decoded pictures as it does, if it does.
    """
    facts, write = classifier.preprocessing, FORMATS[name].write
    within = facts if raw else None
    if name not in OF_ONNX:
        write(classifier.model, path, within)
        return None, tensor_preparing(facts) if raw else None
    from viewfinder.delivery.export.onnx_graph import modern, preparing

    network, share = _as_onnx(classifier, source), None
    if raw or name == "onnx-int8":
        network = modern(network)
    if name == "onnx-int8":
        whole = network.ByteSize()
        batches = prepared_batches(ranges, facts, 1)
        network = quantized(network, (images[0] for _, images in batches))
        share = network.ByteSize() / whole
    write(network, path, within)
    return share, session(preparing(facts, network).SerializeToString()) if raw else None


def _as_onnx(classifier: Classifier, source: Path) -> Any:
    """Return an ONNX network from prepared pictures to probabilities."""
    import onnx

    from viewfinder.delivery.export.onnx_graph import on_pixels, one_output

    network = classifier.network
    if isinstance(network, OnnxNetwork):
        return on_pixels(onnx.load(source), network, classifier.preprocessing)
    if isinstance(network, OnnxModel):
        if classifier.bundle:
            content = read_bundle(classifier.bundle.path).files[EXPORT]
        else:
            assert classifier.folder is not None
            content = (classifier.folder / EXPORT).read_bytes()
        return one_output(onnx.load_model_from_string(content))
    from viewfinder.runtime.export import export_onnx

    with tempfile.TemporaryDirectory(prefix="viewfinder-") as folder:
        export_onnx(network, Path(folder) / EXPORT)
        return onnx.load(Path(folder) / EXPORT)


class _Answers(NamedTuple):
    """Predictions of an export beside the expected ones, on the same pictures."""

    labels: NDArray[np.intp]  # -1 where unknown
    expected: NDArray[np.float64]
    found: NDArray[np.float64]
    levels: NDArray[np.float64]  # the mean and the largest difference of each picture's pixels

    def right(self, shares: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the pictures with a known class are classified rightly."""
        known = self.labels >= 0
        return np.asarray(shares[known].argmax(axis=1) == self.labels[known])


def _answers(
    network: Network,
    classifier: Classifier,
    pictures: Sequence[Real],
    preparing: Network | None,
    progress: Progress,
) -> _Answers:
    labels, expected, found, levels = [], [], [], []
    tracked = progress.track(pictures, "Checking the export", len(pictures))
    for reals, images in prepared_batches(tracked, classifier.preprocessing, BATCH):
        labels += [one.label for one in reals]
        expected.append(classifier.probabilities(images))
        if preparing is None:
            found.append(shares_of(network(images)))
            continue
        for one, image in zip(reals, images, strict=True):
            decoded = one.decoded()
            found.append(shares_of(network(decoded)))
            apart = np.abs(np.asarray(preparing(decoded)).reshape(image.shape) - image)
            levels.append((apart.mean(), apart.max()))
    if not labels:
        raise UsageError(
            "None of the pictures to check the export on can be read.",
            remedy="give others as `pictures`",
        )
    return _Answers(
        np.array(labels), np.concatenate(expected), np.concatenate(found), np.array(levels)
    )


def _export(folder: Path, name: Name, size: int, share: float | None, answers: _Answers) -> Export:
    """Return what was written, or raise `UsageError` where it predicts otherwise."""
    labels, expected, found, levels = answers
    is_raw, change = len(levels) > 0, None
    if share is not None and (labels >= 0).any():
        from viewfinder.evaluation.significance import paired_interval

        before, after = answers.right(expected), answers.right(found)
        lost, won = on_one_only(before, after)
        change = (won - lost) / len(before), paired_interval(lost, won, len(before))
    chosen = np.take_along_axis(expected, found.argmax(axis=1, keepdims=True), axis=1)[:, 0]
    behind = expected.max(axis=1) - chosen
    same, other = int((behind == 0).sum()), int((behind > _TIE).sum())
    difference = float(np.abs(expected - found).max())
    if share is None and not is_raw:
        is_equal, most = difference <= _TOLERANCE, f"probabilities within {_TOLERANCE}"
    else:
        allowed = max(1, int(_MOST_OTHER * len(labels)))
        is_equal = other <= allowed
        most = f"another label on at most {allowed:,} of {len(labels):,} pictures"
    if not is_equal:
        raise UsageError(
            f"The {name} export predicts otherwise than the model, so it is not kept.",
            expected=most,
            received=f"another label on {other:,}, probabilities up to {difference:.2g} apart",
            remedy="export it as onnx, in float32" if share is not None else "another format",
        )
    return Export(
        folder,
        name,
        is_raw,
        size,
        len(labels),
        same,
        difference,
        share,
        change,
        (float(levels[:, 0].mean()), float(levels[:, 1].max())) if is_raw else None,
    )
