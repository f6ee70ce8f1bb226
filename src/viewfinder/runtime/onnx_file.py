"""A check of ONNX files before ONNX Runtime opens them, without the package `onnx`.

ONNX allows a tensor to lie in another file, whose path the network states. ONNX Runtime reads it,
so that a network from a stranger could name any file of the machine. The messages of the file
(Protocol Buffers) are walked here; weights are skipped by their length.

Functions of the file are counted as often as they are called: 30 that each call the one before
twice would become a billion operations.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
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
# Large transformers have 5,000 operations.
_MOST_NODES = 20_000
# The fields with the domain and the name of an operation that is called, or of a function.
_NAMED = {"node": (7, 4), "function": (10, 1)}
_LONGEST_NAME = 200
# Operations that run a graph of theirs as often as the network's data says.
_LOOPS = {(b"", name) for name in (b"Loop", b"Scan", b"SequenceMap")}
# Domain and name.
_Called = tuple[bytes, bytes]
# The wire type of messages and weights; the others are 0 (numbers), 1 and 5 (8 and 4 bytes).
_BYTES = 2


def require_self_contained(data: bytes | mmap) -> tuple[int, bool]:
    """Raise `ValueError` unless this is an ONNX file that holds all its weights.

    Args:
        data: The content of the file.

    Returns:
        The number of its operations, and whether it has loops, so that only time can limit what it
        computes.
    """
    if data[4:8] == b"ORTM":
        raise ValueError("a network in ONNX Runtime's own format, not in that of ONNX")
    waiting, count = [("model", 0, len(data), 0)], 0
    # The operations in the network (0) and in each function, which is known by its start.
    calls: dict[int, Counter[_Called]] = defaultdict(Counter)
    functions: dict[_Called, int] = {}
    while waiting:
        kind, start, end, owner = waiting.pop()
        inside, names = _INSIDE[kind], dict.fromkeys(_NAMED.get(kind, ()), b"")
        for number, wire, first, last in _fields(data, start, end):
            count += 1
            if count > _MOST_FIELDS:
                raise ValueError(f"more than {_MOST_FIELDS:,} fields")
            if wire == _BYTES and number in inside:
                below = first if inside[number] == "function" else owner
                waiting.append((inside[number], first, last, below))
            elif wire == _BYTES and number in names:
                names[number] = data[first : min(last, first + _LONGEST_NAME)]
            elif kind == "tensor" and (
                number == _EXTERNAL_DATA or (number == _DATA_LOCATION and first)
            ):
                raise ValueError("weights in another file")
        if names:
            domain, name = names.values()
            called = (b"" if domain == b"ai.onnx" else domain, name)
            if kind == "node":
                calls[owner][called] += 1
            else:
                functions[called] = owner
    has_loops = any(_LOOPS & found.keys() for found in calls.values())
    return _operations(calls, functions), has_loops


def _operations(calls: Mapping[int, Counter[_Called]], functions: Mapping[_Called, int]) -> int:
    """Return the number of operations, those of functions included.

    Raises:
        ValueError: There are too many.
    """
    sizes: dict[int, int] = {}

    def size(owner: int) -> int:
        if owner not in sizes:
            sizes[owner] = _MOST_NODES + 1  # of a function that calls itself
            sizes[owner] = sum(
                times * (size(functions[called]) if called in functions else 1)
                for called, times in calls[owner].items()
            )
        return sizes[owner]

    if size(0) > _MOST_NODES:
        raise ValueError(f"more than {_MOST_NODES:,} operations")
    return size(0)


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
