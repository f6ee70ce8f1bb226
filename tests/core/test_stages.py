"""The stages of a training add up, and the sentence names the longest."""

import threading

import pytest

from viewfinder.core.stages import Stages, limit_in_words, shared_out


def test_only_waiting_counts_as_the_workers_time() -> None:
    work = {"reading": 1.0, "decoding": 2.0, "augmenting": 5.0}
    busy = shared_out(100.0, {"waiting": 0.0, "validation": 10.0, **work})
    assert busy == {"network": 90.0, "validation": 10.0}
    starved = shared_out(100.0, {"waiting": 80.0, "validation": 10.0, **work})
    assert starved == {
        "reading": 10.0,
        "decoding": 20.0,
        "augmenting": 50.0,
        "network": 10.0,
        "validation": 10.0,
    }


@pytest.mark.parametrize("waiting", [0.0, 3.0, 500.0])
@pytest.mark.parametrize("validation", [0.0, 40.0, 500.0])
def test_the_parts_add_up_whatever_was_measured(waiting: float, validation: float) -> None:
    found = shared_out(60.0, {"waiting": waiting, "validation": validation, "reading": 0.1})
    assert sum(found.values()) == pytest.approx(60.0)
    assert min(found.values()) > 0


def test_threads_add_up() -> None:
    stages = Stages()
    threads = [
        threading.Thread(target=lambda: [stages.add("reading", 1.0) for _ in range(1000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stages.seconds == {"reading": 4000.0}


def test_one_sentence() -> None:
    text = limit_in_words({"network": 75.0, "validation": 5.0, "augmenting": 20.0, "reading": 0.1})
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    assert plain == (
        "The network limits the training: 75 % of the time; augmentation 20 %, validation 5 %."
    )
    assert limit_in_words({}) == ""
    assert limit_in_words({"": 1.0}).endswith("100\N{NO-BREAK SPACE}% of the time.")
