"""Pictures of all requests, predicted together in batches that grow with the load."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from viewfinder.classifier import Prediction
from viewfinder.runtime.onnx import BATCH
from viewfinder.serve.limits import overloaded

Named = tuple[str, bytes]
# The share of the newest batch in the mean seconds for a picture.
_NEWEST = 0.1


@dataclass(frozen=True, eq=False)
class _Waiting:
    picture: Named
    answer: "Future[Prediction]" = field(default_factory=Future)


class Batcher:
    """A bounded queue of pictures, and the threads that predict them.

    A thread takes its share of the pictures that wait, at most a batch, and at once: a single
    picture is not delayed. Each thread decodes and predicts.

    Args:
        answer: Predicts a batch of named pictures; called by several threads.
        workers: The number of threads.
        most: The most pictures that wait.
        report: Called with the number of pictures of each batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Named]], Sequence[Prediction]],
        *,
        workers: int,
        most: int,
        report: Callable[[int], None],
    ) -> None:
        self._answer = answer
        self._most = most
        self._report = report
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._seconds = 0.0
        self._threads = [
            threading.Thread(target=self._work, name=f"viewfinder-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """The number of pictures that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no further picture may wait."""
        return self.waiting >= self._most

    def submit(self, pictures: Sequence[Named]) -> "list[Future[Prediction]]":
        """Enqueue the pictures of a request, all or none; a cancelled one is not predicted.

        Raises:
            Refused: Too many pictures wait; with the seconds after which there will be room.
        """
        added = [_Waiting(picture) for picture in pictures]
        with self._changed:
            if self._is_closed or len(self._waiting) + len(added) > self._most:
                raise overloaded(len(self._waiting) * self._seconds / len(self._threads))
            self._waiting.extend(added)
            self._changed.notify(len(added))
        return [one.answer for one in added]

    def close(self) -> None:
        """Predict what waits, accept nothing further, and end the threads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while taken := self._taken():
            batch = [one for one in taken if one.answer.set_running_or_notify_cancel()]
            if batch:
                self._predict(batch)

    def _taken(self) -> list[_Waiting]:
        """Wait for pictures, and take a thread's share of them; none once closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            share = -(-len(self._waiting) // len(self._threads))
            return [self._waiting.popleft() for _ in range(min(share, BATCH))]

    def _predict(self, batch: list[_Waiting]) -> None:
        started = time.perf_counter()
        try:
            found = self._answer([one.picture for one in batch])
        except BaseException as error:  # reported by each request that waits for it
            for one in batch:
                one.answer.set_exception(error)
            return
        for one, prediction in zip(batch, found, strict=True):
            one.answer.set_result(prediction)
        self._report(len(batch))
        seconds = (time.perf_counter() - started) / len(batch)
        self._seconds += (seconds - self._seconds) * (_NEWEST if self._seconds else 1)
