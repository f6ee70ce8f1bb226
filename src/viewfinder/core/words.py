"""Lists, counts and shares in messages."""

from collections.abc import Iterable

# A number and its unit stay on one line.
NO_BREAK = "\N{NO-BREAK SPACE}"
_PLURALS = {"is": "are", "has": "have", "had": "had", "was": "were", "does": "do"}


def listed(names: Iterable[object], most: int = 8, *, separator: str = ", ") -> str:
    """Join names; beyond `most`, state how many more there are."""
    words = [str(name) for name in names]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return separator.join(words[:most]) + more


def counted(count: int, words: str) -> str:
    """Return "1 picture is" or "1,204 pictures are", for words such as "picture is"."""
    if count == 1:
        return f"1 {words}"
    noun, _, verb = words.rpartition(" ")
    if verb not in _PLURALS:
        return f"{count:,} {words}s"
    return f"{count:,} {noun}s {_PLURALS[verb]}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share from 0 to 1 as "72.2 %"."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"
