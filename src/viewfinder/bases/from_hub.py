"""The base of a preset of KerasHub: a backbone with its own preprocessing.

A preset is a folder in KerasHub's format. KerasHub first downloads a preset that is given by name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from viewfinder.bases.base import Base, Takes, pictures_of
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.files import content_hash, named
from viewfinder.core.progress import Progress
from viewfinder.core.records import read_bounded
from viewfinder.runtime.backend import use_backend
from viewfinder.runtime.header import opened_weights
from viewfinder.runtime.loading import INSTALL_HUB

PREFIX = "hub:"
CONFIG, CONVERTER, WEIGHTS = "config.json", "image_converter.json", "model.weights.h5"

_FILES = (CONFIG, CONVERTER, WEIGHTS)
_MOST_CONFIG = 4 << 20


@dataclass(frozen=True)
class FromHub(Base):
    """A preset of KerasHub.

    Attributes:
        preset: Its name, a handle such as kaggle://…, or the absolute path of a folder.
    """

    preset: str

    usual_weights: ClassVar[str] = "own"
    scaling_in_words = "pixels scaled as by the preset's image converter"

    @property
    @override
    def name(self) -> str:
        return PREFIX + self.preset

    @property
    @override
    def label(self) -> str:
        handle = self.preset.partition("://")[2]
        return handle.replace("/", "-") if handle else named(self.preset).name

    @override
    def parameters(self) -> dict[float, int]:
        weights = self.obtain() / WEIGHTS
        with opened_weights(weights, weights.stat().st_size) as (_, header):
            return {1.0: header.parameters}

    @override
    def takes(self) -> Takes:
        """Return the input of its backbone, or else the output of its image converter."""
        folder = self.obtain()
        shape = _settings(folder / CONFIG).get("image_shape") or (None, None, 3)
        converter = _settings(folder / CONVERTER)
        # Presets of the first versions have two numbers instead of one pair.
        size = converter.get("image_size") or (converter.get("height"), converter.get("width"))
        try:
            of_backbone = pictures_of(tuple(shape), folder)
            height, width = size
        except (TypeError, ValueError) as error:
            raise _damaged(folder, error) from error
        if of_backbone.is_fixed or not (height and width):
            return of_backbone
        return Takes((int(height), int(width)), of_backbone.color)

    @override
    def obtain(self, side: int | None = None, progress: Progress | None = None) -> Path:
        if find_spec("keras_hub") is None:
            raise UsageError("KerasHub is not installed.", remedy=INSTALL_HUB)
        folder = Path(self.preset) if Path(self.preset).is_absolute() else self._fetched(progress)
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"{folder} is not a preset for pictures."
                if folder.is_dir()
                else f"There is no folder {folder}.",
                expected=f"a folder with {', '.join(_FILES)}, as KerasHub's save_to_preset "
                "writes it for a backbone and for its image converter",
                received=f"no {' and no '.join(missing)}" if folder.is_dir() else "nothing",
                remedy=_HOW_TO_SAVE,
            )
        return folder

    @override
    def at_hand(self) -> list[tuple[float, Path]]:
        return [(1.0, self.obtain())]

    @override
    def identity(self, source: Path | None, seed: int) -> Mapping[str, Any]:
        folder = source or self.obtain()
        return {
            "base": "a preset of KerasHub",
            "weights": [content_hash(folder / name) for name in _FILES],
            "keras_hub": version("keras-hub"),  # another version may build another network
        }

    def _fetched(self, progress: Progress | None) -> Path:
        """Return the folder of a preset by name, which KerasHub downloads unless it is cached."""
        use_backend()
        from keras_hub.models import Backbone
        from keras_hub.src.utils.preset_utils import get_file

        if "://" not in self.preset and self.preset not in Backbone.presets:
            raise UsageError(
                f"KerasHub has no preset {self.preset!r}.",
                expected=f"a preset's name, kaggle:// or hf:// and a handle, or a folder "
                f"({PREFIX}FOLDER)",
                received=self.preset,
                remedy=_alike(self.preset, Backbone.presets),
            )
        if progress:
            progress.detail(f"Preset: {self.preset}, from KerasHub")
        try:
            paths = [Path(get_file(self.preset, name)) for name in _FILES]
        except Exception as error:  # KerasHub's downloads may raise anything
            raise DataError(
                f"KerasHub cannot download the preset {self.preset}.",
                expected=f"{', '.join(_FILES)}",
                received=str(error).strip().splitlines()[0] if str(error).strip() else repr(error),
                remedy=f"try again later; or save it on a computer with access ({_HOW_TO_SAVE}), "
                f"and give '{PREFIX}FOLDER' as `base`",
            ) from error
        return paths[-1].parent


_HOW_TO_SAVE = (
    "in Python: keras_hub.models.Backbone.from_preset(…).save_to_preset(FOLDER) and "
    "keras_hub.layers.ImageConverter.from_preset(…).save_to_preset(FOLDER)"
)


def _settings(path: Path) -> dict[str, Any]:
    """Read the settings in one of a preset's files."""
    try:
        settings = json.loads(read_bounded(path, _MOST_CONFIG))["config"]
        if not isinstance(settings, dict):
            raise TypeError(f"its config is a {type(settings).__name__}")
        return settings
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is damaged, or not part of a preset for pictures.",
        received=str(error),
        remedy="save the preset again",
    )


def _alike(name: str, presets: Mapping[str, Any]) -> str:
    """Suggest the most similar names: there are hundreds, most of them for text."""
    from difflib import get_close_matches

    close = get_close_matches(name, presets, n=4, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "see keras.io/keras_hub/presets"
