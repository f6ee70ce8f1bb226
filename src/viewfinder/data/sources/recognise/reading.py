"""What the rules share: the folders that do not count, and how a refusal is worded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from viewfinder.core.errors import DataError
from viewfinder.core.words import listed
from viewfinder.data.layout import Layout, LayoutKind
from viewfinder.data.sources import folder_names as names
from viewfinder.data.sources.recognise.tree import Folder

_ANNOTATIONS = "annotations or masks, by its name"
_COPY = "a copy of the folders beside it"
_MOST_NAMED = 6


@dataclass
class Reading:
    """The reading of one folder or archive.

    Attributes:
        root: The folder or archive, for messages.
        kind: What the user states about the classes.
        skipped: The folders that are not part of the dataset, with the reason.
    """

    root: str
    kind: LayoutKind | None
    skipped: dict[str, str] = field(default_factory=dict)

    def layout(self, splits: Mapping[str, str], inside: Mapping[str, str] | None = None) -> Layout:
        """The layout with these splits, and with what was skipped."""
        labels = "innermost" if self.kind == "innermost" else "outermost"
        facts = {"splits": splits, "inside": inside or {}, "labels": labels}
        return Layout.model_validate({**facts, "skipped": self.skipped})

    def stepped_into(self, folder: Folder) -> Folder:
        """The folder inside all that hold only one folder of folders."""
        folder = self.without_annotations(folder)
        while len(folder.folders) == 1:
            (only,) = folder.folders.values()
            is_split = names.split_named(only.name) and self.kind != "classes"
            if not only.folders or is_split:
                break
            folder = self.without_annotations(only)
        return folder

    def classes_in(self, split: Folder, known: Iterable[str] = ()) -> Folder:
        """The folder inside a split whose folders are the classes; it has none if there are none.

        `known` are the classes, where another split has shown them.
        """
        known = set(map(names.alike, known))
        folder = self.without_annotations(split)
        while len(folder.folders) == 1:
            (only,) = folder.folders.values()
            inner = set(map(names.alike, only.folders))
            is_wrapper = (
                names.is_container(only.name)
                or names.split_and_rest(only.name) is not None
                or names.alike(only.name) == names.alike(folder.name)
                # A single class would be no dataset.
                or bool(inner & known if known else len(inner) > 1)
            )
            if not is_wrapper or names.alike(only.name) in known:
                break
            folder = self.without_annotations(only)
        return self.without_copies(folder)

    def without_annotations(self, folder: Folder) -> Folder:
        """The folder without annotations and masks, if a folder of pictures is beside them."""
        sides = [name for name in folder.folders if names.is_annotations(name)]
        rest = set(folder.folders) - set(sides)
        if not sides or not rest or not all(map(names.is_container, rest)):
            return folder
        self.skipped |= {folder.folders[name].address: _ANNOTATIONS for name in sides}
        return folder.without(sides)

    def without_copies(self, folder: Folder) -> Folder:
        """The folder without a folder that repeats the class folders beside it, file by file."""
        for name, below in folder.folders.items():
            beside = folder.without([name])
            if len(below.folders) < 2 or not set(below.folders) <= set(beside.folders):
                continue
            known = dict(beside.contents())
            if all(known.get(parts) == size for parts, size in below.contents()):
                self.skipped[below.address] = _COPY
                return beside
        return folder

    def ambiguous(self, why: str, folder: Folder, choices: str) -> DataError:
        """The refusal of a layout, with the choices."""
        return DataError(
            f"The layout of {self.root} is ambiguous: {why}.",
            received=", ".join(map(_drawn, list(folder.folders.values())[:_MOST_NAMED])),
            remedy=choices,
        )


def in_order(names: Iterable[str]) -> str:
    """The first names in order, as one text."""
    return listed(sorted(names), _MOST_NAMED)


def _drawn(folder: Folder) -> str:
    """A folder with those in it, such as `flower/{daisy, rose}`."""
    return f"{folder.name}/{{{in_order(folder.folders)}}}" if folder.folders else f"{folder.name}/"
