"""A check of ONNX files before ONNX Runtime opens them, without the package `onnx`.

ONNX allows a tensor to lie in another file, whose path the network states. ONNX Runtime reads it,
so that a network from a stranger could name any file of the machine. The messages of the file
(Protocol Buffers) are walked here; weights are skipped by their length.
"""

from collections.abc import Iterator
from mmap import mmap

# The messages inside each message of onnx.proto, by the number of the field.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# The largest networks of Keras have a tenth of them; reading so many takes half a second.
_MOST_FIELDS = 500_000
# The wire type of messages and weights; the others are 0 (numbers), 1 and 5 (8 and 4 bytes).
_BYTES = 2


def require_self_contained(data: bytes | mmap) -> None:
    """Raise `ValueError` unless this is an ONNX file that holds all its weights.

    Args:
        data: The content of the file.
    """
    if data[4:8] == b"ORTM":
        raise ValueError("a network in ONNX Runtime's own format, not in that of ONNX")
    waiting, count = [("model", 0, len(data))], 0
    while waiting:
        kind, start, end = waiting.pop()
        inside = _INSIDE[kind]
        for number, wire, first, last in _fields(data, start, end):
            count += 1
            if count > _MOST_FIELDS:
                raise ValueError(f"more than {_MOST_FIELDS:,} fields")
            if wire == _BYTES and number in inside:
                waiting.append((inside[number], first, last))
            elif kind == "tensor" and (
                number == _EXTERNAL_DATA or (number == _DATA_LOCATION and first)
            ):
                raise ValueError("weights in another file")


def _fields(data: bytes | mmap, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, start and end of each field; of a number its value as the start."""
    while at < end:
        tag, at = _varint(data, at, end)
        first = last = at
        match tag & 7:
            case 0:
                first, at = _varint(data, at, end)
            case 1:
                at += 8
            case 2:
                length, first = _varint(data, at, end)
                at = last = first + length
            case 5:
                at += 4
            case _:
                raise ValueError("a field of an unknown type")
        if at > end:
            raise ValueError("a field beyond the end")
        yield tag >> 3, tag & 7, first, last


def _varint(data: bytes | mmap, at: int, end: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("the end in the middle of a field")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")
