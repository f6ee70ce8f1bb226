"""Counts of a server in the text format of Prometheus.

See https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PICTURES = (1.0, 2.0, 4.0, 8.0, 16.0)


class Histogram:
    """Counts of values up to each of some bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * len(bounds)
        self._count, self._sum = 0, 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._count += 1
        self._sum += value
        for index, bound in enumerate(self._bounds):
            self._counts[index] += value <= bound

    def lines(self, name: str) -> Iterator[str]:
        """Yield the samples."""
        for bound, count in zip(self._bounds, self._counts, strict=True):
            yield f'{name}_bucket{{le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {self._count}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {self._count}"


@dataclass
class Metrics:
    """What a server counts; may be called by several threads."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    seconds: Histogram = field(default_factory=lambda: Histogram(_SECONDS))
    batches: Histogram = field(default_factory=lambda: Histogram(_PICTURES))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request; the time of predictions only."""
        with self._lock:
            self.requests[path, status] += 1
            if path == "/predict" and status == 200:
                self.seconds.add(seconds)

    def answered(self, *, rejected: bool) -> None:
        """Count a picture."""
        with self._lock:
            self.pictures["rejected" if rejected else "predicted"] += 1

    def batch(self, count: int) -> None:
        """Count a batch of pictures."""
        with self._lock:
            self.batches.add(count)

    def text(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> str:
        """Return all samples; `gauges` are read now: their help and value by name."""
        with self._lock:
            return "\n".join([*self._lines(gauges), ""])

    def _lines(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Answered requests.")
        for (path, status), count in sorted(self.requests.items()):
            yield f'viewfinder_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("pictures_total", "counter", "Pictures with an answer.")
        for outcome, count in sorted(self.pictures.items()):
            yield f'viewfinder_pictures_total{{outcome="{outcome}"}} {count}'
        yield from _head("predict_seconds", "histogram", "From a request to its predictions.")
        yield from self.seconds.lines("viewfinder_predict_seconds")
        yield from _head("batch_pictures", "histogram", "Pictures predicted together.")
        yield from self.batches.lines("viewfinder_batch_pictures")
        for name, (text, value) in gauges.items():
            yield from _head(name, "gauge", text)
            yield f"viewfinder_{name} {value():g}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP viewfinder_{name} {text}"
    yield f"# TYPE viewfinder_{name} {kind}"
