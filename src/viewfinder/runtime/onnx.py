"""Inference with ONNX Runtime, several times faster than Keras on a CPU.

It needs neither Keras nor a backend, so an exported network starts within a second.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock, Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewfinder.core.errors import DataError
from viewfinder.core.files import open_regular
from viewfinder.core.parallel import cores
from viewfinder.runtime.onnx_file import require_self_contained

# On two cores small batches are at least as fast as large ones, and need less memory; see
# docs/performance.md.
BATCH = 16

# What a network may allocate beside its weights, in bytes: for one picture, when it is opened, and
# in a call a core. NASNetLarge takes 90 MB for a picture of 331 × 331, VGG16 0.4 GB for a batch.
_MOST_FOR_ONE, _MOST_A_CORE = 192 << 20, 1 << 30
# What constants of the network may become when it is opened.
_MOST_FOLDED = 16 << 20
# The operations for which ONNX Runtime plans the memory: for a chain in which each replaces the
# output of the one before, that takes the square of their number, 1.5 s for 2,000.
_MOST_PLANNED = 500
# Seconds for opening a network of others, and for one picture; without loops it has an end.
_LONGEST_S, _LONGEST_OF_LOOPS_S = 30, 0.5
# The limit that a session takes is that of the process at the time when it is made.
_ONE_AT_A_TIME = Lock()

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(uint8)": np.uint8,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class OnnxModel:
    """A network in an ONNX file, with one input and one output, perhaps further ones by name.

    A call uses one thread, and several threads may call it at once. That is the fastest way for
    many pictures: each thread decodes a batch and runs it.

    Args:
        source: The file, or its content. It holds all its weights: others are not opened.
        is_proved: Whether the network is one of ours. Any other is opened with little memory, until
            `prove` has predicted one picture with it. If it has loops, its time a picture stays
            limited.

    Attributes:
        input_shape: (height, width, channels); None for a side of any length.
        outputs: The length of an output row; None where the file does not fix it.
        shapes: The shape of each output after the first, by name, without the batch axis; None
            for a side of any length.
        facts: The texts that :func:`viewfinder.runtime.export.export_onnx` was given, by key.
        channels_first: Whether the input is (channels, height, width), as PyTorch has it.
        batch: The number of pictures that the input is fixed to; None for any. Calls take any
            number.
        dtype: The type of the input.

    Raises:
        DataError: The file is not such a network.
    """

    def __init__(self, source: Path | bytes, *, is_proved: bool = True) -> None:
        import onnxruntime  # noqa: F401  (an import that is interrupted says nothing of the file)

        self._source = b"" if is_proved else source
        try:
            size, operations, has_loops = _require_self_contained(source)
            most = cores() * _MOST_A_CORE if is_proved else _MOST_FOR_ONE + 2 * size
            self._is_limited = has_loops and not is_proved
            self._reuses = is_proved or operations <= _MOST_PLANNED
            longest_s = None if is_proved else _LONGEST_S
            self._session: Any = _session(source, most, longest_s, reuses=self._reuses)
            taken, (given, *others) = _signature(self._session)
            self._input, self._output = taken.name, given.name
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise DataError(
                f"{'This' if isinstance(source, bytes) else source} is not a network for ONNX "
                "Runtime that holds all its weights.",
                received=str(error),
            ) from error

        sides = _sides(taken.shape)
        self.channels_first = len(sides) == 3 and sides[0] in (1, 3) and sides[2] not in (1, 3)
        self.input_shape = (*sides[1:], sides[0]) if self.channels_first else sides
        self.batch = taken.shape[0] if taken.shape and isinstance(taken.shape[0], int) else None
        self.dtype = _TYPES[taken.type]
        self.outputs = _sides(given.shape)[-1]
        self.shapes = {output.name: _sides(output.shape) for output in others}
        self.facts = dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def further(self) -> tuple[str, ...]:
        """The names of the outputs after the first."""
        return tuple(self.shapes)

    def prove(self, shape: tuple[int, int, int]) -> None:
        """Predict one picture with little memory; then allow batches.

        Args:
            shape: Of the picture.

        Raises:
            DataError: The network takes much memory or time for one picture, or cannot be run.
        """
        self._run(np.zeros((1, *shape), np.uint8), [], _LONGEST_S)
        most = cores() * _MOST_A_CORE
        self._session = _session(self._source, most, _LONGEST_S, reuses=self._reuses)
        self._source = b""

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the network's output for a batch.

        Args:
            images: Shape (n, height, width, channels), values 0 to 255, any numeric type.

        Returns:
            float32, n rows.
        """
        (output,) = self.run(images)
        return output

    def run(self, images: NDArray[Any], *further: str) -> list[NDArray[np.float32]]:
        """Compute the network's output and some of the further ones; see :meth:`__call__`.

        Raises:
            DataError: The network cannot be run, or takes more than 1 GB a core.
        """
        return self._run(images, further, None)

    def _run(
        self, images: NDArray[Any], further: Sequence[str], longest_s: float | None
    ) -> list[NDArray[np.float32]]:
        import onnxruntime

        options = onnxruntime.RunOptions()
        if self._is_limited:
            longest_s = _LONGEST_OF_LOOPS_S * len(images)
        if self.channels_first:
            images = np.moveaxis(images, 3, 1)
        elif images.ndim != len(self.input_shape) + 1:  # rows of numbers, or grids without channels
            images = images.reshape(len(images), *self.input_shape)
        taken = np.ascontiguousarray(images, self.dtype)
        if self.batch:  # of a fixed size: the last one is filled
            missing = -len(taken) % self.batch
            taken = np.concatenate([taken, np.zeros((missing, *taken.shape[1:]), self.dtype)])
        size = self.batch or max(len(taken), 1)
        batches = [taken[start : start + size] for start in range(0, max(len(taken), 1), size)]
        names = [self._output, *further]
        try:
            with _ended(longest_s, lambda: setattr(options, "terminate", True)):
                found = [self._session.run(names, {self._input: one}, options) for one in batches]
        except Exception as error:  # as above
            raise DataError(
                "The network cannot be run.",
                expected="a network that takes pictures of this size, within limits on memory",
                received=str(error),
            ) from error
        rows = [np.concatenate(parts).astype(np.float32) for parts in zip(*found, strict=True)]
        width = rows[0].shape[-1] if self.outputs is None else self.outputs
        if {len(one) for one in rows} != {len(taken)} or rows[0].shape[1:] != (width,):
            raise DataError(
                "The network does not give a row of outputs a picture.",
                expected=f"{len(taken)} rows of {width}",
                received=f"outputs of shape {rows[0].shape}",
            )
        return [one[: len(images)] for one in rows]


def _signature(session: Any) -> tuple[Any, list[Any]]:
    """Return the input and the outputs; raise `ValueError` unless they are pictures and rows."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or not outputs:
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs, not one input")
    if len(inputs[0].shape) < 2 or inputs[0].shape[0] == 0:
        raise ValueError(f"an input of shape {inputs[0].shape}, not (pictures, …)")
    if len(outputs[0].shape) != 2:
        raise ValueError(f"an output of shape {outputs[0].shape}, not (pictures, numbers)")
    if inputs[0].type not in _TYPES:
        raise ValueError(f"an input of {inputs[0].type}, not one of {', '.join(_TYPES)}")
    return inputs[0], outputs


@contextmanager
def _ended(longest_s: float | None, end: Callable[[], None]) -> Iterator[None]:
    """Call `end` unless the block ends within so many seconds."""
    if longest_s is None:
        yield
        return
    timer = Timer(longest_s, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _session(source: Path | bytes, most: int, longest_s: float | None, *, reuses: bool) -> Any:
    """Return a session that allocates at most so many bytes in all of its calls together.

    Opening it takes at most so many seconds. `reuses` is whether ONNX Runtime plans which outputs
    share their memory.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_reuse = reuses
    options.log_severity_level = 4  # warnings are about its own optimisations; errors are raised
    for key, value in {
        "session.use_env_allocators": 1,
        "session.use_device_allocator_for_initializers": 1,
        "optimization.constant_folding_max_output_size_in_bytes": _MOST_FOLDED,
    }.items():
        options.add_session_config_entry(key, str(value))
    kind, memory = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    at = onnxruntime.OrtMemoryInfo("Cpu", kind.ORT_ARENA_ALLOCATOR, 0, memory.DEFAULT)
    with _ONE_AT_A_TIME:
        onnxruntime.create_and_register_allocator(at, onnxruntime.OrtArenaCfg({"max_mem": most}))
        with _ended(longest_s, lambda: options.set_load_cancellation_flag(True)):
            return onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source),
                options,
                providers=["CPUExecutionProvider"],
            )


def _require_self_contained(source: Path | bytes) -> tuple[int, int, bool]:
    """Raise unless the file holds all its weights; return bytes, operations, if it has loops."""
    if isinstance(source, bytes):
        return len(source), *require_self_contained(source)
    with open_regular(source) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return len(content), *require_self_contained(content)


def _sides(shape: list[int | str | None]) -> tuple[int | None, ...]:
    """Return a shape without the batch axis; ONNX names sides of any length."""
    return tuple(side if isinstance(side, int) else None for side in shape[1:])
