"""What all rewrites share: the file's facts, and the list of changes."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import libcst as cst
from libcst.metadata import PositionProvider

from viewfinder.compat.migrate.facts import Facts
from viewfinder.compat.migrate.names import RATES, WRITE_RATES
from viewfinder.compat.migrate.nodes import last_comma

ACCURACIES = ("acc", "val_acc", "accuracy", "val_accuracy")


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

    def key_of_metric(self, text: str) -> str | None:
        """Return the key that the metric of `compile` has; None for other keys."""
        outputs = {"", *(f"{output}_" for output in self.facts.outputs)}
        table = {
            f"{split}{output}{old}": f"{split}{output}{new}"
            for old, new in self.facts.metric_keys.items()
            for split in ("", "val_")
            for output in outputs
        }
        return table.get(text)

    def name_with_keys(self, text: str) -> str | None:
        """Return a file's name with the keys in its braces replaced; None for the same."""
        changed = re.sub(r"(?<={)\w+", lambda key: self.key_of_metric(key[0]) or key[0], text)
        return None if changed == text else changed

    def key_of_history(self, text: str) -> str | None:
        """Return the key of Keras 3 in a history or `logs`; None for the same."""
        is_written = self.facts.bound and not self.facts.called.isdisjoint(WRITE_RATES)
        if is_written and text in RATES and text not in self.facts.keys_set:
            return RATES[text]
        return self.key_of_metric(text)

    def note_of_key(self, node: cst.CSTNode, before: str) -> None:
        """Record that a key of a history was changed."""
        if before in RATES:
            self.note(node, "History keys", f"The key of the rate is {RATES[before]!r}.")
        else:
            key = self.key_of_metric(before)
            text = f"The key is {key!r}, after the name that compile is given."
            self.note(node, "History keys", text)

    def note_of_both(self, node: cst.CSTNode, texts: Sequence[str]) -> None:
        """Point out a key that some model of the file has and another has not."""
        if self.facts.has_both_accuracies and not set(texts).isdisjoint(ACCURACIES):
            text = (
                "This file compiles 'acc' and 'accuracy': the key is the name that its model has."
            )
            self.note(node, "History keys", text, by_hand=True)

    def renamed(
        self, original: cst.Call, node: cst.Call, table: dict[str, str], rule: str, whose: str
    ) -> cst.Call:
        """Rename the keyword arguments that a table names."""
        arguments = []
        for argument in node.args:
            keyword = argument.keyword.value if argument.keyword else ""
            if keyword in table:
                self.note(original, rule, f"{whose} takes {keyword} as {table[keyword]}.")
                argument = argument.with_changes(keyword=cst.Name(table[keyword]))
            arguments.append(argument)
        return node.with_changes(args=arguments)

    def without(
        self, original: cst.Call, node: cst.Call, removed: Sequence[str], rule: str
    ) -> cst.Call:
        """Remove keyword arguments."""
        kept: list[cst.Arg] = []
        for argument in node.args:
            keyword = argument.keyword.value if argument.keyword else ""
            if keyword not in removed:
                kept.append(argument)
                continue
            self.note(original, rule, f"{keyword} is not taken any longer.")
            if kept and isinstance(argument.comma, cst.Comma):  # a line break stays where it was
                kept[-1] = kept[-1].with_changes(comma=argument.comma)
        return node if len(kept) == len(node.args) else node.with_changes(args=last_comma(kept))
