"""Work done ahead by threads, handed out in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int = 0
) -> Iterator[Result]:
    """Apply `function` to each item, in order, with threads working ahead of the reader.

    At most `ahead` results (at least two a worker) exist before they are asked for, so memory
    stays bounded however long `items` is. Closing the iterator, or an error in `function`, drops
    what has not begun.

    Args:
        function: Must be safe to call from several threads; pays where it releases the GIL.
        items: What it is applied to; taken only as far ahead as needed.
        workers: Threads; 0 does the work in the calling thread, when asked.
        ahead: How many results may wait.
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
