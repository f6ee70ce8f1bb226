"""Labels and splits of files, from their folders or by a pattern in their names."""

from collections.abc import Mapping

from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.words import listed
from viewfinder.data.dataset import UNLABELLED, UNSPLIT
from viewfinder.data.layout import NO_PICTURES, Layout
from viewfinder.data.sources.folder_names import split_named, split_roles
from viewfinder.data.sources.hints import Hints
from viewfinder.data.sources.listing import File, Labelled, Listing, read_pattern, search
from viewfinder.data.sources.recognise import recognise
from viewfinder.data.sources.recognise.tree import Folder, tree_of


class NoClassFolders(DataError):
    """The pictures are in no class folders."""


def label_files(
    listing: Listing, root: str, hints: Hints, *, holder: str = "folder"
) -> tuple[list[Labelled], list[str], Layout | None]:
    """Return the files that have a label, notes, and the layout; skip the other files.

    Args:
        listing: The files; those without a label are added to its `passed_over`.
        root: The folder or archive, for messages.
        hints: What the user states: `label_from`, `layout`, `splits`, `needs_labels`.
        holder: What `root` is, for messages: "folder" or "archive".

    Raises:
        DataError: No pictures, no class folders, or an ambiguous layout.
        UsageError: A hint does not fit the files.
    """
    _refuse_archives(listing, root, holder)
    top = tree_of(listing.files)
    if not top.files and not top.folders:
        reasons = sorted({skipped.why for skipped in listing.passed_over})
        if listing.files:
            reasons.append(f"files such as {'/'.join(listing.files[0].parts)}")
        raise DataError(
            f"{root} holds no pictures.",
            expected="a folder with a folder of pictures for each class",
            received=f"only: {', '.join(reasons)}" if reasons else f"an empty {holder}",
            remedy=_to_parquet(listing, root),
        )
    listing.files.sort()
    if hints.label_from is not None:
        return _label_by_name(listing, top, hints, hints.label_from), [], None
    files = _in_folders_of_pictures(listing, top)
    stated = hints.layout
    layout = stated if isinstance(stated, Layout) else recognise(top, root, stated, hints.splits)
    if layout is None:
        return _without_classes(root, top, files, hints.needs_labels)
    rows = _label_by_folder(files, listing, layout)
    if not rows:
        raise NoClassFolders(
            f"{root} has no picture inside a class folder.",
            expected="a folder for each class, such as cats/ and dogs/",
            received=f"only: {', '.join(sorted({one.why for one in listing.passed_over}))}",
        )
    return rows, _notes(top, layout), layout


def _to_parquet(listing: Listing, root: str) -> str | None:
    """How to write what `save_to_disk` of `datasets` has written as Parquet; None without that."""
    arrow = [file.parts for file in listing.files if file.parts[-1].endswith(".arrow")]
    if not arrow:
        return None
    folder = "/".join((root, *arrow[0][:-1]))
    return f"datasets.load_from_disk({folder!r}).to_parquet('train.parquet'), for each split"


_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
_WORDS = (".txt", ".md", ".html", ".pdf")


def _refuse_archives(listing: Listing, root: str, holder: str) -> None:
    """Raise `DataError` where all that is listed are archives, and perhaps words about them."""
    names = ["/".join(file.parts) for file in listing.files]
    archives = [name for name in names if name.lower().endswith(_ARCHIVES)]
    if not archives or not all(name.lower().endswith((*_ARCHIVES, *_WORDS)) for name in names):
        return
    remedy = "unpack each of them into a folder named after it, such as train or test"
    if len(archives) == 1:
        remedy = f"open {root}/{archives[0]}" if holder == "folder" else "unpack it, and open that"
    raise DataError(
        f"{root} holds archives instead of pictures.",
        expected="pictures, or the path of one archive of pictures",
        received=", ".join(sorted(archives)[:3]),
        remedy=remedy,
    )


def _in_folders_of_pictures(listing: Listing, top: Folder) -> list[File]:
    """The files, without those in folders that hold no picture, which are skipped."""
    kept: list[File] = []
    for file in listing.files:
        folder: Folder | None = top
        for depth, name in enumerate(file.parts[:-1]):
            folder = folder and folder.folders.get(name)
            if folder is None:
                listing.pass_over(file.parts[: depth + 1], NO_PICTURES)
                break
        else:
            kept.append(file)
    return kept


def _label_by_folder(files: list[File], listing: Listing, layout: Layout) -> list[Labelled]:
    rows: list[Labelled] = []
    for file in files:
        place = layout.place(file.parts)
        if place.why:
            listing.pass_over(file.parts, place.why)
        else:
            rows.append(Labelled(file, place.label, place.split))
    return rows


def _notes(top: Folder, layout: Layout) -> list[str]:
    notes: list[str] = []
    around = [address for address, split in layout.splits.items() if address and not split]
    if around:
        notes.append(f"The classes are the folders in {'/, '.join(around)}/.")
    renamed = [
        f"{f'{address}/' if address else '.'} is {split}"
        for address, split in layout.splits.items()
        if split and address != split
    ]
    if renamed:
        notes.append(f"Splits: {', '.join(renamed)}.")
    if layout.labels == "outermost" and not layout.inside:
        levels = [top.below(address) for address in layout.splits]
        nested = {
            below.name
            for level in levels
            if level
            for below in level.folders.values()
            if below.address not in {**layout.skipped, **layout.splits} and len(below.folders) > 1
        }
        if nested:
            notes.append(
                f"Pictures in folders inside a class belong to it: {listed(sorted(nested), 3)}."
            )
    return notes


def _without_classes(
    root: str, top: Folder, files: list[File], needs_labels: bool
) -> tuple[list[Labelled], list[str], None]:
    """The files of a dataset without class folders, all without labels.

    Raises:
        DataError: Labels are needed.
    """
    tops = sorted(top.folders)
    if needs_labels:
        inside = f" in {', '.join(tops)}" if tops else ""
        raise NoClassFolders(
            f"{root} has pictures but no class folders{inside}.",
            expected="a folder for each class, such as cats/ and dogs/",
            received=f"{len(files)} files side by side",
            remedy="if file names contain the label, set `label_from`, such as '([a-z]+)'; "
            "if a table has the labels, open that table; "
            "`viewfinder audit` accepts pictures without labels",
        )
    are_split = all(len(file.parts) > 1 and split_named(file.parts[0]) for file in files)
    rows = [
        Labelled(file, UNLABELLED, (are_split and split_named(file.parts[0])) or UNSPLIT)
        for file in files
    ]
    return rows, ["There are no class folders: the pictures have no labels."], None


def _label_by_name(listing: Listing, top: Folder, hints: Hints, label_from: str) -> list[Labelled]:
    example = "a group around the label, such as '([a-z]+)\\.'"
    pattern = read_pattern("label_from", label_from, example)
    group: str | int = "label" if "label" in pattern.groupindex else 1
    splits = {folder: split for split, folder in (hints.splits or {}).items()}
    splits = splits or _split_folders(top)
    rows: list[Labelled] = []
    for file in listing.files:
        match = search(pattern, "/".join(file.parts))
        if match and match[group]:
            rows.append(Labelled(file, match[group], _split_of(file, splits)))
        else:
            listing.pass_over(file.parts, "no label in its name")
    if not rows:
        raise UsageError(
            "`label_from` finds no label in any file name.",
            expected=f"a match in names such as {'/'.join(listing.files[0].parts)}",
            received=label_from,
        )
    return rows


def _split_folders(folder: Folder) -> dict[str, str]:
    """The split of each folder that is one, by its name."""
    while len(folder.folders) == 1 and any(below.folders for below in folder.folders.values()):
        (folder,) = folder.folders.values()
    splits = {name: split for name in folder.folders if (split := split_named(name))}
    roles = split_roles(folder.folders)
    if len(roles) == len(folder.folders) and len(set(roles.values())) > 1:
        splits = roles
    return {folder.folders[name].address: split for name, split in splits.items()}


def _split_of(file: File, splits: Mapping[str, str]) -> str:
    for depth in range(len(file.parts) - 1, -1, -1):
        if split := splits.get("/".join(file.parts[:depth])):
            return split
    return UNSPLIT
