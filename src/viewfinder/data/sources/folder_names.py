"""What the names of folders stand for: splits, parts of a dataset, pictures, annotations."""

import re
import unicodedata
from collections.abc import Iterable

# Usual names of splits, without "set", "data", "images" and punctuation.
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    # Kaggle's, of FER2013
    "publictest": "validation",
    "privatetest": "test",
}
# A name that begins with this word is that of a class: `class train`.
CLASS = "class"
_FILLER = r"(set|data|images|imgs|pictures)+$"
# Names that no class would have, so that such a folder beside classes is ambiguous.
_NO_CLASS_NAMES = frozenset({"test", "testing", "val", "validation"})
_UNLABELLED = frozenset({"pred", "predict", "prediction", "unlabeled", "unlabelled"})
_CONTAINERS = frozenset(
    re.findall(
        r"\w+", "image images img imgs jpegimages picture pictures photo photos data dataset"
    )
)
ANNOTATIONS = frozenset(
    re.findall(
        r"\w+",
        "annotation annotations label labels labeltxt mask masks bbox bboxes groundtruth gt "
        "segmentation segmentations trimap trimaps keypoints",
    )
)
_PARTS = frozenset(
    re.findall(r"\w+", "fold part batch session set dataset year round chunk shard split cv k")
)


def split_named(name: str) -> str | None:
    """The split that a folder's name stands for (`Valid`, `training_set`), or None."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return _SPLIT_NAMES.get(re.sub(_FILLER, "", letters))


def split_in_name(stem: str) -> str | None:
    """The split that a word of a file's name stands for (`sign_mnist_train`, `t10k`), or None."""
    if re.search(r"t10k", stem):
        return "test"
    found = {split_named(word) for word in re.split(r"[^A-Za-z]+", stem)} - {None}
    return found.pop() if len(found) == 1 else None


def split_and_rest(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The split in a folder's name, and its other words: `seg_train` is train, and `seg`."""
    if split := split_named(name):
        return split, ()
    words = _words(name)
    if words[:1] == [CLASS]:
        return None
    found = {split for word in words if (split := split_named(word))}
    if len(found) != 1:
        return None
    return found.pop(), _rest(words)


def split_roles(names: Iterable[str]) -> dict[str, str]:
    """The splits of the folders whose names contain one, as far as they fit together.

    Where none is called train, the folder whose name is that of the others without the split is:
    `horse-or-human` beside `validation-horse-or-human`.
    """
    found = {name: split_and_rest(name) for name in names}
    roles = {name: part[0] for name, part in found.items() if part}
    rests = {part[1] for part in found.values() if part and part[1]}
    if "train" not in roles.values():
        bare = [name for name, part in found.items() if not part and _rest(_words(name)) in rests]
        if len(bare) == 1:
            roles[bare[0]] = "train"
    return roles


def have_one_rest(names: Iterable[str]) -> bool:
    """Whether the names differ in their splits only."""
    return len({_rest(_words(name)) for name in names}) == 1


def could_be_no_class(name: str) -> bool:
    """Whether this name of a split is unlikely for a class: `test`, but not `train`, `valid`."""
    return re.sub(_FILLER, "", re.sub(r"[^a-z]", "", name.lower())) in _NO_CLASS_NAMES


def is_unlabelled(name: str) -> bool:
    """Whether the name says that the pictures have no labels: `seg_pred`."""
    words = _words(name)
    return words[:1] != [CLASS] and not _UNLABELLED.isdisjoint(words)


def is_container(name: str) -> bool:
    """Whether the name is one of pictures in general: `images`, `dataset`."""
    words = set(_words(name))
    return bool(words) and name.isascii() and words <= _CONTAINERS


def is_annotations(name: str) -> bool:
    """Whether the name is that of annotations or masks of pictures."""
    words = set(_words(name))
    return (
        bool(words)
        and not words.isdisjoint(ANNOTATIONS)
        and words <= {*ANNOTATIONS, *_CONTAINERS, "class", "object"}
    )


def are_parts(names: Iterable[str]) -> bool:
    """Whether all are names of parts of a dataset: `fold1`, `fold2`; `2019`, `2020`."""
    return all(
        re.fullmatch(r"(19|20)\d\d", name)
        or (re.search(r"(\d+|[\W_][A-Za-z])$", name) and not _PARTS.isdisjoint(_words(name)[:1]))
        for name in names
    )


def are_numbered_parts(names: Iterable[str]) -> bool:
    """Whether the names differ in numbers only, and say that these are parts: `data_part_1`."""
    names = list(names)
    words = _words(names[0])
    return words[:1] != [CLASS] and are_enumerated(names) and not _PARTS.isdisjoint(words)


def are_enumerated(names: Iterable[str]) -> bool:
    """Whether the names are one word with numbers: `video_01`, `video_02`."""
    stems = {re.sub(r"\d+", "", name).lower() for name in names}
    return len(stems) == 1 and bool(re.search(r"[^\W\d_]{2}", stems.pop()))


def is_general(name: str) -> bool:
    """Whether the name is one of all pictures: `images`, but not `photos`, which may be a class."""
    return is_container(name) and not {"photos", "pictures"} & set(_words(name))


def pattern_without_split(names: Iterable[str]) -> str:
    """A pattern that finds the class in names such as `train_cats` or `cats-test`."""
    splits = "|".join(
        sorted({word for name in names for word in _words(name) if split_named(word)})
    )
    if all(re.match(splits, name, re.IGNORECASE) for name in names):
        return rf"(?i)(?:^|/)(?:{splits})[-_ ]?([^/]+)/"
    return rf"(?i)(?:^|/)([^/]+?)[-_ ]?(?:{splits})/"


def are_words(names: Iterable[str]) -> bool:
    """Whether most of several names are different words, as classes have, not numbers."""
    names = list(names)
    plain = [re.sub(r"^n?\d+[-._ ]+", "", name) for name in names]
    worded = {name.lower() for name in plain if re.fullmatch(r"[^\W\d]{2,}([\W_]*[^\W\d]+)*", name)}
    return len(worded) >= 2 and 2 * len(worded) >= len(names)


def alike(name: str) -> str:
    """Equal for names that differ only in case, blanks or Unicode form."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name).casefold())


def lookalikes(names: Iterable[str]) -> list[list[str]]:
    """The names that differ only in case, blanks or Unicode form, together."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(alike(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def in_quotes(names: Iterable[str]) -> str:
    """The names with quotes and escapes, so that blanks and Unicode forms can be told apart."""
    names = list(names)
    look_alike = len({unicodedata.normalize("NFKC", name) for name in names}) < len(names)
    return ", ".join(map(ascii if look_alike else repr, names))


def _words(name: str) -> list[str]:
    """The words of a name in lower case: `TrainImages_2` has `train` and `images`."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _rest(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if not split_named(word) and re.sub(_FILLER, "", word))
