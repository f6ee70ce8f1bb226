"""What a server does with pictures: predictions in common batches, explanations one at a time."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from viewfinder.classifier import Classifier, Prediction
from viewfinder.classifier.prediction import PredictOptions
from viewfinder.core.errors import UsageError
from viewfinder.core.parallel import cores
from viewfinder.pictures.prepare import prepare
from viewfinder.serve.batching import Batcher, Named
from viewfinder.serve.limits import Memory, Refused, ServeLimits, overloaded
from viewfinder.serve.metrics import Metrics

# Explanations take seconds, and Keras is not called by several threads.
_EXPLANATIONS_WAITING = 4
_EXPLAIN_TIMEOUT_S = 60


@dataclass(frozen=True)
class ServeOptions:
    """How a model is served.

    Attributes:
        predict: The prediction sets and the threshold.
        limits: What is accepted.
        token: What a client must send as `Authorization: Bearer TOKEN`; None for no token.
        explains: Whether `/explain` answers, for which Keras is loaded.

    Raises:
        UsageError: The token is empty, or has other characters than printable ASCII.
    """

    predict: PredictOptions = field(default_factory=PredictOptions)
    limits: ServeLimits = field(default_factory=ServeLimits)
    token: str | None = None
    explains: bool = False

    def __post_init__(self) -> None:
        token = self.token
        if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
            raise UsageError(
                "The `token` cannot be sent in a header.", expected="printable ASCII characters"
            )


@dataclass(eq=False)
class Service:
    """A classifier that is being served.

    Args:
        name: The model's name, for people.
        classifier: The model.
        options: How it is served.

    Raises:
        RunError: The model is damaged, or has no prediction sets of the requested coverage.
        UsageError: Explanations need Keras, which is not installed.
    """

    name: str
    classifier: Classifier
    options: ServeOptions
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        rule = self.classifier.rule(self.options.predict)
        limits = self.options.limits
        self.memory = Memory(limits.memory)
        # Several threads may call ONNX Runtime; for Keras see `Classifier.stream`.
        self.batcher = Batcher(
            lambda batch: self.classifier.answer(batch, rule, limits.of_pictures),
            workers=cores() if self.classifier.starts_at_once else 1,
            most=limits.queue,
            report=self.metrics.batch,
        )
        self._explaining = ThreadPoolExecutor(1, thread_name_prefix="viewfinder-explain")
        self._explanations = 0
        # The first call of a network takes longer than the others.
        self.classifier.probabilities(np.zeros((1, *self.classifier.preprocessing.shape), np.uint8))
        if self.options.explains:
            self._explaining.submit(self._load_keras).result()

    def _load_keras(self) -> None:
        from viewfinder.explain import attribution  # noqa: F401  (imports Keras)

        _ = self.classifier.model

    @property
    def is_ready(self) -> bool:
        """Whether a picture would be accepted now."""
        return not self.batcher.is_full and self.memory.used < self.memory.most

    def close(self) -> None:
        """Answer what waits, and end the threads."""
        self.batcher.close()
        self._explaining.shutdown(cancel_futures=True)

    async def predictions(self, pictures: Sequence[Named]) -> list[Prediction]:
        """Predict the pictures of a request.

        Raises:
            Refused: 503: too many pictures wait, or these have waited too long.
        """
        futures = [asyncio.wrap_future(one) for one in self.batcher.submit(pictures)]
        try:
            async with asyncio.timeout(self.options.limits.timeout):
                found = await asyncio.gather(*futures)
        except TimeoutError as error:
            raise overloaded() from error
        for one in found:
            self.metrics.answered(rejected=one.rejection is not None)
        return found

    async def explanation(self, picture: Named, method: str, label: str | None) -> dict[str, Any]:
        """Explain a picture: the record of `explain --json`, and the map over the picture as PNG.

        Raises:
            Refused: 404: this server does not explain; 503: too many pictures wait.
            RejectedPicture: The picture has no usable pixels.
            UsageError: There is no such method or class, or the model cannot be explained by it.
        """
        if not self.options.explains:
            raise Refused(404, "This server does not explain.", remedy="start it with --explain")
        if self._explanations >= _EXPLANATIONS_WAITING:
            raise overloaded(_EXPLANATIONS_WAITING)
        self._explanations += 1
        future = asyncio.get_running_loop().run_in_executor(
            self._explaining, self._explained, picture, method, label
        )
        future.add_done_callback(self._explanation_ended)
        try:
            async with asyncio.timeout(_EXPLAIN_TIMEOUT_S):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise overloaded() from error

    def _explanation_ended(self, future: "asyncio.Future[Any]") -> None:
        self._explanations -= 1
        if not future.cancelled():
            future.exception()  # it may have no reader any more

    def _explained(self, picture: Named, method: str, label: str | None) -> dict[str, Any]:
        from viewfinder.explain.attribution import explain_images

        name, data = picture
        limits = self.options.limits.of_pictures
        pixels = prepare(data, self.classifier.preprocessing, limits=limits).pixels
        (found,) = explain_images(
            self.classifier, [name], [pixels], method=method, classes=[label] if label else []
        )
        return {**found.to_json(), "overlay": found.overlay_png()}
