"""The journey of a picture's shape through the layers, as text."""

import os
from unittest import mock

import keras

_WIDTH = 88


def model_summary(model: keras.Model) -> str:
    """What `model.summary()` prints, 88 characters wide wherever it is printed."""
    lines: list[str] = []
    # Keras cuts the table at the terminal's width, which it asks of this variable first.
    with mock.patch.dict(os.environ, {"COLUMNS": str(_WIDTH)}):
        model.summary(print_fn=lambda text, **_: lines.append(text), line_length=_WIDTH)
    return "\n".join(lines).rstrip()
