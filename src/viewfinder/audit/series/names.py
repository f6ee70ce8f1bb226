"""Expressions for `group_from`: one for each token of file names, and for each folder.

A name is cut into fields at its separators, and a field into runs of letters and of digits. Tokens
are single fields, adjacent fields, single runs, and numbers without their last digits, which stand
for consecutive frames.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

# The share of names that have a separator, or a number of fields, for it to count.
_SEPARATES, _REGULAR = 0.02, 0.9
# Beyond this number of fields, adjacent ones are combined only from the first on.
_MOST_COMBINED = 6
_MOST_FIELDS = 12
_FEWEST_DIGITS = 3
_ENDING = r"\.\w+$"
_SPECIAL = frozenset(".^$*+?{}[]\\|()")


def expressions(locators: Sequence[str]) -> list[str]:
    """Return the expressions for these names, the simplest first.

    Args:
        locators: Paths of files, with slashes.
    """
    stems = [path.rpartition("/")[2].rpartition(".")[0] or path for path in locators]
    found = [*_of_fields(stems), *_of_folders(locators)]
    return list(dict.fromkeys(sorted(found, key=len)))


def _in_brackets(marks: str) -> str:
    """The marks as they stand in a set of a regular expression."""
    last = "-" * ("-" in marks)  # elsewhere, it would mean a range
    return re.sub(r"([\\\]^\[])", r"\\\1", marks.replace("-", "")) + last


class _Fields:
    """How the names are cut: the separators, and the patterns of a field and of what precedes."""

    def __init__(self, stems: Sequence[str]) -> None:
        have = Counter(mark for stem in stems for mark in set(re.findall(r"[\W_]", stem)))
        marks = "".join(
            sorted(mark for mark, count in have.items() if count >= _SEPARATES * len(stems))
        )
        self.marks = _in_brackets("".join(dict.fromkeys(f"{marks}.")))
        between = f"[{_in_brackets(marks)}]" if len(marks) > 1 or marks in _SPECIAL else marks
        is_doubled = bool(marks) and any(re.search(between * 2, stem) for stem in stems)
        self.separator = between + "+" * is_doubled
        self.field = f"[^{self.marks}]+"
        is_led = bool(marks) and any(re.match(between, stem) for stem in stems)
        self.start = f"^{between}*" if is_led else "^"
        self.rows = [re.findall(self.field, stem) for stem in stems]
        (self.count, frequency), *_ = Counter(map(len, self.rows)).most_common(1)
        self.count = min(self.count, _MOST_FIELDS)
        self.are_regular = frequency >= _REGULAR * len(stems)

    def before(self, index: int) -> str:
        """The pattern of the fields before this one."""
        one = self.field + self.separator
        return self.start + (one if index == 1 else f"(?:{one}){{{index}}}" if index else "")


def _of_fields(stems: Sequence[str]) -> Iterator[str]:
    fields = _Fields(stems)
    for first in range(fields.count):
        for last in range(first, fields.count):
            is_whole = last - first == fields.count - 1
            is_long = fields.count > _MOST_COMBINED and 0 < first < last
            if not (is_whole and fields.are_regular) and not is_long:
                further = f"{fields.separator}{fields.field}" * (last - first)
                yield f"{fields.before(first)}({fields.field}{further})"
        yield from _of_runs(fields, first)
    if not fields.are_regular:
        one = fields.separator + fields.field
        for after in range(fields.count):
            yield f"({fields.field}){one * after}{_ENDING}"
            if after:
                yield f"^(.+){one * after}{_ENDING}"


def _of_runs(fields: _Fields, index: int) -> Iterator[str]:
    """Yield the expressions within a field that most names build alike, such as `P03`."""
    column = [re.findall(r"\d+|\D+", row[index]) for row in fields.rows if len(row) > index]
    kinds = Counter(tuple(run.isdecimal() for run in runs) for runs in column)
    (kind, frequency), *_ = kinds.most_common(1)
    if frequency < _REGULAR * len(fields.rows):
        return
    runs = [r"\d+" if is_number else rf"[^\d{fields.marks}]+" for is_number in kind]
    for position, is_number in enumerate(kind):
        before = fields.before(index) + "".join(runs[:position])
        if len(runs) > 1:
            yield f"{before}({runs[position]})"
        if len(runs) > 2 and position and is_number:
            earlier = fields.before(index) + "".join(runs[: position - 1])
            yield f"{earlier}({runs[position - 1]}{runs[position]})"
        lengths = [len(row[position]) for row in column if len(row) > position]
        if is_number and max(lengths) >= _FEWEST_DIGITS:
            for dropped in range(1, max(lengths) - 1):
                yield rf"{before}(\d+)\d{{{dropped}}}(?!\d)"
                yield rf"^({before[1:]}\d+)\d{{{dropped}}}(?!\d)"


def _of_folders(locators: Sequence[str]) -> Iterator[str]:
    depth = Counter(path.count("/") for path in locators).most_common(1)[0][0]
    for index in range(min(depth, _MOST_FIELDS)):
        yield f"^{'[^/]+/' * index}([^/]+)/"
