"""`Layout`: which folders are splits and classes, as a record that can be applied again."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

# What the user may state about a layout; see `viewfinder.data.sources.open_dataset`.
LayoutKind = Literal["classes", "splits", "innermost"]

NO_CLASS = "not inside a class folder"
NO_SPLIT = "not inside a split folder"
NO_PICTURES = "a folder without pictures, by the endings of its files"


class Place(NamedTuple):
    """The label and the split of a file; or the reason why it has none, in place of a label."""

    label: str
    split: str
    why: str = ""


class Layout(BaseModel):
    """Which folders are splits and which are classes.

    Paths are relative to the root, with forward slashes; "" is the root.

    Attributes:
        splits: The split of each folder that holds class folders; "" for no split.
        inside: The splits that are folders inside each class, by the folders' names.
        labels: Which folder below a split is the class of a file.
        skipped: The folders that are not part of the dataset, with the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    splits: dict[str, Literal["train", "validation", "test", ""]]
    inside: dict[str, Literal["train", "validation", "test"]] = {}
    labels: Literal["outermost", "innermost"] = "outermost"
    skipped: dict[str, str] = {}

    def place(self, parts: tuple[str, ...]) -> Place:
        """The label and the split of the file with this path."""
        for depth in range(len(parts) - 1, -1, -1):
            folder = "/".join(parts[:depth])
            if folder in self.skipped:
                return Place("", "", self.skipped[folder])
            if folder in self.splits:
                return self._below(parts[depth:], self.splits[folder])
        is_beside = len(parts) > 1 and any(self.splits.values())
        return Place("", "", NO_SPLIT if is_beside else NO_CLASS)

    def _below(self, parts: tuple[str, ...], split: str) -> Place:
        if len(parts) < 2:
            return Place("", "", NO_CLASS)
        label = parts[0 if self.labels == "outermost" else -2]
        if not self.inside:
            return Place(label, split)
        if len(parts) < 3 or parts[1] not in self.inside:
            return Place("", "", NO_SPLIT)
        return Place(label, self.inside[parts[1]])
