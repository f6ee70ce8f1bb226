"""Extraction of features: a frozen network, on the fastest installed runtime."""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from viewfinder.core.errors import DataError, OutputError, UsageError
from viewfinder.core.files import cache_folder, write_json, written_whole
from viewfinder.core.progress import Progress
from viewfinder.runtime import onnx
from viewfinder.runtime.devices import has_accelerator, may_have_accelerator

if TYPE_CHECKING:
    import keras

Matrix = NDArray[np.float32]

# The name of an exported network's second output: the last feature map.
MAPS = "maps"


class Runner(ABC):
    """A loaded network.

    Attributes:
        batch: The number of pictures per call.
        in_threads: Whether calls from several threads are safe and faster.
    """

    batch: int
    in_threads: bool

    @abstractmethod
    def __call__(self, images: NDArray[Any]) -> Matrix:
        """Return features, float32 (n, d), of pixels (n, height, width, channels), 0 to 255."""


class Extractor(ABC):
    """A frozen network from prepared pictures to vectors, loaded once.

    Attributes:
        on_cpu: Whether ONNX Runtime runs it where there is an accelerator, too.
        started_s: The seconds of loading, including an export; 0 before.
    """

    on_cpu: bool = False
    started_s: float = 0.0
    _runner: Runner | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The network's name, for people."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides the features apart from the pictures' pixels; must fit JSON."""

    @abstractmethod
    def build(self) -> "keras.Model":
        """Build the network in Keras, from pixels of 0 to 255 to (n, d).

        Not called for a network that was exported before, which loads without Keras.
        """

    @property
    def needs_keras(self) -> bool:
        """Whether only Keras can build it; `write` can otherwise."""
        return True

    def write(self, path: Path) -> None:
        """Write the same network to an ONNX file, with the output `maps`: its last feature map."""
        raise NotImplementedError

    @property
    def runs_without_keras(self) -> bool:
        """Whether it is written and run without Keras on this machine."""
        return not self.needs_keras and not may_have_accelerator()

    def start(self, progress: Progress) -> Runner:
        """Load the network: in Keras on an accelerator, else in ONNX Runtime.

        Where ONNX Runtime cannot run the network, Keras does, with a warning.

        Raises:
            OutputError: The cache cannot be written.
        """
        if self._runner is None:
            began = time.perf_counter()
            self._runner = self._started(progress)
            self.started_s = time.perf_counter() - began
        return self._runner

    def graph(self, progress: Progress) -> Path | None:
        """Return the ONNX file of the network, exported if missing; None where Keras runs it.

        Raises:
            OutputError: The cache cannot be written.
        """
        return self.path if isinstance(self.start(progress), _Onnx) else None

    def _started(self, progress: Progress) -> Runner:
        if not self.on_cpu and may_have_accelerator() and has_accelerator():
            progress.detail("Features: computed by Keras, on the accelerator")
            return _Backend(self.build())
        try:
            return _Onnx(onnx.OnnxModel(self.path))
        except DataError:  # missing or damaged
            return self._exported(progress)

    @property
    def path(self) -> Path:
        """The path of the ONNX file, in the user's cache."""
        address = json.dumps(dict(self.identity), sort_keys=True).encode()
        key = hashlib.blake2b(address, digest_size=8).hexdigest()
        return cache_folder() / "onnx" / f"{self.name[:40]}-{key}.onnx"

    def _exported(self, progress: Progress) -> Runner:
        if not self.needs_keras:
            with written_whole(self.path) as temporary:
                self.write(temporary)
            return self._recorded()
        from viewfinder.runtime.export import export_onnx

        model = self.build()
        from viewfinder.bases.networks.built import HEAD

        try:
            heads = [layer for layer in model.layers if layer.name.startswith(HEAD)]
            export_onnx(model, self.path, further={MAPS: heads[0].input} if heads else None)
        except OutputError:
            raise
        except UsageError as error:
            progress.say(f"Features: computed by Keras, which is slower. {error}", style="yellow")
            return _Backend(model)
        return self._recorded()

    def _recorded(self) -> Runner:
        """Write what the exported network is beside it, and load it."""
        write_json(self.path.with_suffix(".json"), {"schema": 1, **self.identity})
        return _Onnx(onnx.OnnxModel(self.path))


class _Onnx(Runner):
    batch = onnx.BATCH
    in_threads = True

    def __init__(self, network: onnx.OnnxModel) -> None:
        self._network = network

    @override
    def __call__(self, images: NDArray[Any]) -> Matrix:
        return self._network(images)


class _Backend(Runner):
    batch = 64
    in_threads = False  # backends use all cores for each batch

    def __init__(self, model: "keras.Model") -> None:
        self._model = model

    @override
    def __call__(self, images: NDArray[Any]) -> Matrix:
        return np.asarray(self._model.predict_on_batch(images), np.float32)
