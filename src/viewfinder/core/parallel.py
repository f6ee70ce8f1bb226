"""A parallel map over threads that keeps the order and bounds the memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int = 0
) -> Iterator[Result]:
    """Apply `function` to each item in threads, and yield the results in order.

    At most `ahead` results (at least two per worker) are computed before they are consumed, so
    memory stays bounded for any number of items. Closing the iterator, or an error in `function`,
    cancels the calls that have not begun.

    Args:
        function: Thread-safe; threads help where it releases the GIL.
        items: Consumed only as far ahead as needed.
        workers: The number of threads; 0 computes each result in the calling thread on demand.
        ahead: The number of results that may wait.
    """
    if workers == 0:
        for item in items:
            yield function(item)
        return
    remaining = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="viewfinder")
    try:
        waiting: deque[Future[Result]] = deque(
            pool.submit(function, item) for item in islice(remaining, max(ahead, 2 * workers))
        )
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
