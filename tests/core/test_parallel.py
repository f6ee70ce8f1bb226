"""`map_ahead` is `map` with threads: the same results, in order, and never far ahead."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewfinder.core.parallel import cores, map_ahead

WORKERS = pytest.mark.parametrize("workers", [0, 1, 2, 5])


@pytest.fixture(autouse=True)
def threads_before() -> None:
    """What other tests have left behind is none of these tests' business."""
    _before[:] = threading.enumerate()


_before: list[threading.Thread] = []


def workers_alive() -> list[str]:
    names = [thread.name for thread in threading.enumerate() if thread not in _before]
    return [name for name in names if name.startswith("viewfinder")]


def test_this_process_may_use_a_core() -> None:
    assert cores() >= 1


@settings(max_examples=40)
@given(st.lists(st.integers()), st.integers(0, 4), st.integers(0, 20))
def test_it_gives_what_map_gives(items: list[int], workers: int, ahead: int) -> None:
    assert list(map_ahead(str, iter(items), workers=workers, ahead=ahead)) == list(map(str, items))


def test_slow_items_do_not_change_the_order() -> None:
    def wait(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item

    assert list(map_ahead(wait, range(30), workers=4)) == list(range(30))


@pytest.mark.parametrize(("workers", "ahead", "most"), [(0, 9, 0), (1, 0, 2), (2, 0, 4), (2, 7, 7)])
def test_no_more_results_wait_than_said(workers: int, ahead: int, most: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    results = map_ahead(lambda item: item, items(), workers=workers, ahead=ahead)
    assert taken == 0  # nothing begins before it is asked for
    for handed_out in range(1, 50):
        next(results)
        assert taken <= handed_out + most
    results.close()
    assert taken <= 49 + most


def test_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert len(list(map_ahead(lambda _: meeting.wait(), range(6), workers=3))) == 6


@WORKERS
@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_comes_at_its_place_and_ends_the_work(workers: int, error: BaseException) -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise error
        return item

    results = map_ahead(work, range(1000), workers=workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)):
        next(results)
    assert list(results) == []
    assert len(begun) < 30
    assert workers_alive() == []


@WORKERS
def test_an_error_of_the_items_comes_through(workers: int) -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(map_ahead(str, items(), workers=workers))
    assert workers_alive() == []


@WORKERS
def test_a_stop_iteration_of_the_work_is_no_silent_end(workers: int) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(map_ahead(lambda items: next(items), [iter(())], workers=workers))


@WORKERS
def test_closing_drops_what_has_not_begun(workers: int) -> None:
    begun = []
    results = map_ahead(begun.append, range(1000), workers=workers, ahead=500)
    next(results)
    results.close()
    time.sleep(0.01)
    count = len(begun)
    assert workers_alive() == []
    time.sleep(0.02)
    assert len(begun) == count


def test_an_iterator_that_is_thrown_away_leaves_no_threads() -> None:
    results = map_ahead(str, range(1000), workers=3)
    assert next(results) == "0"
    assert workers_alive() != []
    del results
    assert workers_alive() == []


def test_without_workers_the_caller_does_the_work() -> None:
    caller = threading.get_ident()
    assert set(map_ahead(lambda _: threading.get_ident(), range(5), workers=0)) == {caller}
    assert caller not in set(map_ahead(lambda _: threading.get_ident(), range(5), workers=2))
