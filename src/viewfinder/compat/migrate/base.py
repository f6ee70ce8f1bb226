"""What all rewrites share: the file's facts, and the list of changes."""

from typing import NamedTuple

import libcst as cst
from libcst.metadata import PositionProvider

from viewfinder.compat.migrate.facts import Facts
from viewfinder.compat.migrate.names import RATES, WRITE_RATES

ACCURACY = {"acc": "accuracy", "val_acc": "val_accuracy"}


class Change(NamedTuple):
    """One change, or what a person has to do.

    Attributes:
        line: Its line in the file or cell, from 1.
        rule: The heading of its paragraph in `docs/migrate.md`.
        reason: What is new, in a sentence.
        by_hand: Whether nothing was changed and a person has to.
    """

    line: int
    rule: str
    reason: str
    by_hand: bool = False

    @property
    def link(self) -> str:
        """The paragraph that explains the change."""
        return "docs/migrate.md#" + self.rule.lower().replace(" ", "-")


class Rewriter(cst.CSTTransformer):
    """A transformer that notes what it changes."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts
        self.changes: list[Change] = []
        self.imports: set[str] = set()

    def note(self, node: cst.CSTNode, rule: str, reason: str, by_hand: bool = False) -> None:
        """Record a change at the line of an original node."""
        line = self.get_metadata(PositionProvider, node).start.line
        self.changes.append(Change(line, rule, reason, by_hand))

    def key_of_accuracy(self, text: str) -> str | None:
        """Return the key that the metric of `compile` has; None for other keys."""
        table = ACCURACY
        if self.facts.accuracy == "acc":
            table = {new: old for old, new in ACCURACY.items()}
        return table.get(text) if self.facts.accuracy else None

    def key_of_history(self, text: str) -> str | None:
        """Return the key of Keras 3 in a history or `logs`; None for the same."""
        is_written = self.facts.bound and not self.facts.called.isdisjoint(WRITE_RATES)
        if is_written and text in RATES and text not in self.facts.keys_set:
            return RATES[text]
        return self.key_of_accuracy(text)

    def note_of_key(self, node: cst.CSTNode, before: str) -> None:
        """Record that a key of a history was changed."""
        if before in RATES:
            self.note(node, "History keys", f"The key of the rate is {RATES[before]!r}.")
        else:
            self.note_of_accuracy(node)

    def note_of_accuracy(self, node: cst.CSTNode) -> None:
        """Record that a key of accuracy was changed."""
        metric = self.facts.accuracy
        self.note(
            node, "History keys", f"The key is the metric's own name, {metric!r}, as compiled."
        )
