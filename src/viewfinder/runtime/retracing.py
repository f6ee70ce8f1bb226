"""TensorFlow's warning of functions that are traced too often, where many models are the reason."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def several_models() -> Iterator[None]:
    """Models are trained one after the other: each has functions of its own to be traced.

    TensorFlow counts tracings by the name of Keras's function, whosever it is, and warns of a loop.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_says_something_else)
    try:
        yield
    finally:
        logger.removeFilter(_says_something_else)


def _says_something_else(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()
