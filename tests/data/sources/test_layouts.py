"""How people publish folders of pictures: what is read of them, or which choices are named."""

import contextlib
import itertools
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folders import write_files
from viewfinder.audit import audit
from viewfinder.core.errors import DataError, UsageError
from viewfinder.data.dataset import Dataset
from viewfinder.data.layout import Layout
from viewfinder.data.saved import SavedDataset
from viewfinder.data.sources import open_dataset
from viewfinder.data.sources.recognise.drawn import layout_lines
from viewfinder.jobs.prepare import prepare
from viewfinder.recipe.named import recipe_named
from viewfinder.split import SplitPlan, extend, save, split_up


def expanded(pattern: str) -> list[str]:
    """Expand braces as a shell does: `{a,b}/{1,2}.jpg` are four paths."""
    parts = [
        part[1:-1].split(",") if part[0] == "{" else [part]
        for part in re.findall(r"\{[^}]*\}|[^{]+", pattern)
    ]
    return ["".join(choice) for choice in itertools.product(*parts)]


def written(root: Path, files: str) -> Path:
    """Write the files of several patterns below the root, all with the same content."""
    for path in (path for pattern in files.split() for path in expanded(pattern)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def understood(dataset: Dataset) -> dict[str, str]:
    """The classes of each split."""
    groups = dataset.table.groupby("split")["label"]
    return {str(split): " ".join(sorted(set(labels))) for split, labels in groups}


@dataclass
class Case:
    """Files, and what they are read as: classes of each split, and what is skipped and why."""

    files: str
    read: dict[str, str]
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass
class Refused:
    """Files, words of the refusal, and what each of its choices reads."""

    files: str
    words: str
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


UNLABELLED = "an unlabelled split"
NO_PICTURES = "a folder without pictures"
ANNOTATIONS = "annotations or masks"
A_B = {"train": "a b", "test": "a b"}

READ = {
    # Kaggle's Intel scenes, with pictures to predict.
    "splits wrapped twice, prefixed": Case(
        "seg_{train/seg_train,test/seg_test}/{forest,sea}/1.jpg seg_pred/seg_pred/1.jpg",
        {"train": "forest sea", "test": "forest sea"},
        {"seg_pred": UNLABELLED},
    ),
    "splits wrapped twice": Case(
        "{training_set/training_set,test_set/test_set}/{cats,dogs}/1.jpg",
        {"train": "cats dogs", "test": "cats dogs"},
    ),
    "10 monkey species": Case(
        "{training/training,validation/validation}/{n0,n1}/1.jpg monkey_labels.txt",
        {"train": "n0 n1", "validation": "n0 n1"},
        {"monkey_labels.txt": "not inside"},
    ),
    "splits with suffix and prefix": Case("data_train/{a,b}/1.jpg data_test/{a,b}/1.jpg", A_B),
    "splits of images": Case("{train,test}_images/{a,b}/1.jpg", A_B),
    "camel case": Case("{Train,Test}Images/{a,b}/1.jpg", A_B),
    "the course's horses": Case(
        "horse-or-human/{horses,humans}/1.png validation-horse-or-human/{horses,humans}/1.png",
        {"train": "horses humans", "validation": "horses humans"},
    ),
    "the course's hands": Case(
        "rps/{rock,paper}/1.png rps-test-set/{rock,paper}/1.png rps-validation/1.png",
        {"train": "paper rock", "test": "paper rock"},
        {"rps-validation": UNLABELLED},
    ),
    "sign alphabet, its test pictures flat": Case(
        "asl_alphabet_train/asl_alphabet_train/{A,B}/1.jpg "
        "asl_alphabet_test/asl_alphabet_test/{A,B}_test.jpg",
        {"": "A B"},
        {"asl_alphabet_test/asl_alphabet_test": UNLABELLED},
    ),
    "hurricane: two test folders, two of each": Case(
        "{train,validation,test}_another/{hit,whole}/1.jpg test/{hit,whole}/1.jpg",
        dict.fromkeys(("train", "validation", "test"), "hit whole"),
    ),
    "chest X-rays: splits, and the whole once more": Case(
        "chest/{train,val,test}/{ill,well}/1.jpg chest/chest/{train,val,test}/{ill,well}/1.jpg "
        "chest/__MACOSX/chest/train/ill/._1.jpg",
        dict.fromkeys(("train", "validation", "test"), "ill well"),
        {"chest/chest/train/ill/1.jpg": "not inside a split folder"},
    ),
    "fruits: papers and flat test pictures beside": Case(
        "f/fruits/{Training,Test}/{Apple,Kiwi}/1.jpg f/fruits/papers/1.pdf "
        "f/fruits/test-multiple_fruits/1.jpg",
        {"train": "Apple Kiwi", "test": "Apple Kiwi"},
        {"f/fruits/papers": NO_PICTURES, "f/fruits/test-multiple_fruits": UNLABELLED},
    ),
    "malaria: classes, and the whole once more": Case(
        "cells/{ill,well}/1.jpg cells/cells/{ill,well}/1.jpg", {"": "ill well"}
    ),
    "wrapped twice, the same name": Case(
        "dataset/dataset/{a,b}/1.jpg dataset/about.txt", {"": "a b"}
    ),
    "archive's folder and one of another name": Case(
        "archive/Garbage.v2/{glass,metal}/1.jpg", {"": "glass metal"}
    ),
    "pictures beside annotations": Case(
        "images/Images/{n01-Beagle,n02-Collie}/1.jpg "
        "annotations/Annotation/{n01-Beagle,n02-Collie}/1",
        {"": "n01-Beagle n02-Collie"},
        {"annotations/Annotation/n01-Beagle/1": ANNOTATIONS},
    ),
    "labels/ of texts beside classes": Case(
        "cats/1.jpg dogs/1.jpg labels/{1,2}.txt", {"": "cats dogs"}, {"labels": NO_PICTURES}
    ),
    "code/ and models/ beside classes": Case(
        "cats/1.jpg dogs/1.jpg code/{train.py,nb.ipynb} models/v1/best.h5",
        {"": "cats dogs"},
        {"code": NO_PICTURES, "models": NO_PICTURES},
    ),
    "code/ beside the wrapper": Case("pets/{cats,dogs}/1.jpg src/x.py", {"": "cats dogs"}),
    "images inside splits": Case("{train,test}/images/{a,b}/1.jpg", A_B),
    "texts inside classes": Case(
        "{a,b}/{1.jpg,2.jpg,1.txt} a/labels/1.txt", {"": "a b"}, {"a/labels": NO_PICTURES}
    ),
    "masks inside classes": Case(
        "{COVID,Normal}/{images,masks}/1.png",
        {"": "COVID Normal"},
        {"COVID/masks/1.png": ANNOTATIONS, "Normal/masks/1.png": ANNOTATIONS},
    ),
    "splits inside classes": Case("{a,b}/{train,test}/1.jpg", A_B),
    "splits inside classes, with the class's name": Case(
        "a/{a_train,a_val}/1.jpg b/{b_train,b_val}/1.jpg", {"train": "a b", "validation": "a b"}
    ),
    "splits inside wrapped classes": Case("data/{a,b}/{Train,Test}/1.jpg", A_B),
    "folds outside": Case("fold_{1,2,3}/{a,b}/1.jpg", {"": "a b"}),
    "years outside, one without a class": Case(
        "2019/{a,b,c}/1.jpg 2020/{a,b}/1.jpg", {"": "a b c"}
    ),
    "parts outside, wrapped": Case("data/part-{a,b}/{cats,dogs}/1.jpg", {"": "cats dogs"}),
    "an unlabelled test split, in one folder": Case(
        "train/{a,b}/1.jpg test/unknown/1.jpg", {"": "a b"}, {"test/unknown/1.jpg": UNLABELLED}
    ),
    "an unlabelled test split, in a folder called test": Case(
        "train/{a,b}/1.jpg test/test/1.jpg", {"": "a b"}, {"test/test": UNLABELLED}
    ),
    "unknown beside the classes of the test split": Case(
        "{train,test}/{a,b}/1.jpg test/unknown/1.jpg",
        A_B,
        {"test/unknown/1.jpg": "pictures without a label"},
    ),
    "a test split beside the training classes": Case(
        "{a,b,c}/1.jpg test/{a,b}/1.jpg",
        {
            "train": "a b c",
            "test": "a b",
        },
    ),
    "only evaluation splits": Case("{val,test}/{a,b}/1.jpg", {"validation": "a b", "test": "a b"}),
    "only a test split": Case("test/{a,b}/1.jpg", {"test": "a b"}),
    "another folder beside the splits": Case(
        "{train,val}/{a,b}/1.jpg extra/{a,b}/1.jpg",
        {"train": "a b", "validation": "a b"},
        {"extra/a/1.jpg": "not inside a split folder"},
    ),
    "vehicles, one of them a train": Case("{bus,car,train}/1.jpg", {"": "bus car train"}),
    "valid and invalid": Case("{valid,invalid}/1.jpg", {"": "invalid valid"}),
    "classes with words of splits": Case(
        "bullet_train/{1,2}/1.jpg test_tube/{1,3}/1.jpg", {"": "bullet_train test_tube"}
    ),
    "numbered folders inside classes": Case(
        "{cats,dogs}/{video_01,video_02}/1.jpg", {"": "cats dogs"}
    ),
    "own pictures and folders inside a class": Case(
        "cats/1.jpg cats/{kittens,others}/2.jpg dogs/1.jpg", {"": "cats dogs"}
    ),
    "VOC: pictures beside several kinds of masks": Case(
        "JPEGImages/{a,b}/1.jpg Annotations/1.xml {SegmentationClass,SegmentationObject}/1.png",
        {"": "a b"},
        {"SegmentationClass/1.png": ANNOTATIONS, "Annotations": NO_PICTURES},
    ),
    "brain scans: classes, and both once more under a name": Case(
        "{no,yes}/1.jpg brain_tumor_dataset/{no,yes}/1.jpg",
        {"": "no yes"},
        {"brain_tumor_dataset/no/1.jpg": "a copy"},
    ),
    "a training set that holds itself once more": Case(
        "{train,test}/{a,b}/1.jpg train/train/{a,b}/1.jpg",
        A_B,
        {"train/train/a/1.jpg": "a copy"},
    ),
    "tiny ImageNet": Case(
        "train/{n01,n02}/images/1.JPEG train/{n01,n02}/boxes.txt val/images/1.JPEG "
        "val/val_annotations.txt test/images/1.JPEG",
        {"": "n01 n02"},
        {"val/images/1.JPEG": UNLABELLED, "test/images/1.JPEG": UNLABELLED},
    ),
    "unlabelled pictures in the training split": Case(
        "train/{pos,neg,unlabelled}/1.jpg test/{pos,neg}/1.jpg",
        {"train": "neg pos", "test": "neg pos"},
        {"train/unlabelled/1.jpg": "pictures without a label"},
    ),
    "superclass alone": Case("flower/{daisy,rose}/1.jpg", {"": "daisy rose"}),
}

REFUSED = {
    "a class called train, with folders": Refused(
        "train/{steam,diesel}/1.jpg bus/1.jpg car/1.jpg",
        "train/ may be the training split, or a class",
        {"layout=classes": {"": "bus car train"}, "layout=splits": {"": "diesel steam"}},
    ),
    "classes in classes": Refused(
        "flower/{daisy,rose}/1.jpg tree/{oak,pine}/1.jpg",
        "flower/ holds folders",
        {"layout=classes": {"": "flower tree"}, "layout=innermost": {"": "daisy oak pine rose"}},
    ),
    "classes in one class": Refused(
        "flower/{daisy,rose}/1.jpg cat/1.jpg",
        "flower/ holds folders",
        {"layout=classes": {"": "cat flower"}, "layout=innermost": {"": "cat daisy rose"}},
    ),
    "classes in classes in splits": Refused(
        "{train,test}/{flower/daisy,flower/rose,cat}/1.jpg",
        "train/flower/ holds folders",
        {
            "layout=splits": {"train": "cat flower", "test": "cat flower"},
            "layout=innermost": {"train": "cat daisy rose", "test": "cat daisy rose"},
        },
    ),
    "PlantVillage: three versions of one dataset": Refused(
        "{color,grayscale,segmented}/{apple,grape}/1.jpg",
        "open one folder, such as ROOT/color",
        {"layout=innermost": {"": "apple grape"}},
    ),
    "a sample beside the dataset": Refused(
        "dataset/{cats,dogs}/1.jpg sample/1.jpg", "open one folder, such as ROOT/dataset"
    ),
    "flat test pictures beside classes": Refused(
        "{cats,dogs,test}/1.jpg",
        "test/ may be a split",
        {"layout=classes": {"": "cats dogs test"}, "splits=train=.,test=test": {"": "cats dogs"}},
    ),
    "flat splits beside folders of something else": Refused(
        "{train,test,val,a}/1.jpg trainA/a/1.jpg",
        "may be a split, or a class like a/",
        {"layout=classes": {"": "a test train trainA val"}},
    ),
    "nothing but annotations": Refused(
        "images/1.jpg masks/a/1.jpg labels/b/1.jpg", "no class folders in images"
    ),
    "splits inside one class only": Refused(
        "cats/{train,test}/1.jpg dogs/1.jpg",
        "cats/ holds split folders, and dogs/ does not",
        {"layout=classes": {"": "cats dogs"}},
    ),
    "folds with splits": Refused(
        "fold{1,2}/{train,test}/{a,b}/1.jpg", "open one of them, such as ROOT/fold1"
    ),
    "notMNIST: small and large": Refused(
        "notMNIST_{small,large}/{A,B}/1.png",
        "notMNIST_large/ holds folders",
        {"layout=innermost": {"": "A B"}},
    ),
    "Office-31: domains around images": Refused(
        "{amazon,dslr}/images/{bike,mug}/1.jpg",
        "amazon/ holds folders",
        {"layout=innermost": {"": "bike mug"}},
    ),
    "hand gestures by person": Refused(
        "{00,01}/{01_palm,02_fist}/1.png",
        "00/ holds folders",
        {"layout=innermost": {"": "01_palm 02_fist"}},
    ),
    "places, by first letter": Refused(
        "a/{abbey,alley}/1.jpg b/{bar,bakery}/1.jpg",
        "a/ holds folders",
        {"layout=innermost": {"": "abbey alley bakery bar"}},
    ),
    "CycleGAN: trainA, trainB": Refused(
        "{train,test}{A,B}/1.jpg",
        "both a split and a class",
        {
            "label_from=(?i)(?:^|/)(?:test|train)[-_ ]?([^/]+)/": {"train": "A B", "test": "A B"},
        },
    ),
    "HAM10000: flat parts": Refused(
        "HAM10000_images_part_{1,2}/1.jpg",
        "may be parts of one dataset",
        {"layout=classes": {"": "HAM10000_images_part_1 HAM10000_images_part_2"}},
    ),
    "flat pictures beside results": Refused(
        "images/1.png results/1.png",
        "images/ is a usual name for all pictures",
        {"layout=classes": {"": "images results"}},
    ),
    "versions with splits": Refused(
        "{real,drawn}/{train,test}/{a,b}/1.jpg",
        "open one folder, such as ROOT/drawn",
        {"layout=innermost": A_B},
    ),
    "other pictures beside the classes, with their names": Refused(
        "{cats,dogs}/1.jpg more/{cats,dogs}/2.jpg",
        "more/ holds folders",
        {"layout=innermost": {"": "cats dogs"}},
    ),
    "splits and classes in one name": Refused(
        "{train,test}_{cats,dogs}/1.jpg",
        "both a split and a class",
        {
            "label_from=(?i)(?:^|/)(?:test|train)[-_ ]?([^/]+)/": {
                "train": "cats dogs",
                "test": "cats dogs",
            }
        },
    ),
    "splits of other classes": Refused(
        "train/{cats,dogs}/1.jpg test/{pos,neg}/1.jpg", "no class in common"
    ),
    "YOLO: pictures flat, labels beside": Refused(
        "{train,valid}/images/1.jpg {train,valid}/labels/1.txt", "no class folders"
    ),
    "pictures and masks, flat": Refused("images/1.png masks/1.png", "no class folders"),
    "flat training pictures": Refused("train/{1,2}.jpg test/{a,b}/1.jpg", "no class folders"),
    "nothing but texts": Refused("a/1.txt b/1.txt", "no pictures"),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str, tmp_path: Path) -> None:
    """And a recorded layout reads the same."""
    case, root = READ[name], tmp_path / "data"
    dataset = open_dataset(written(root, case.files))
    assert understood(dataset) == case.read
    whys = {one.path: one.why for one in dataset.passed_over}
    for path, why in case.skipped.items():
        of_path = [whys[found] for found in whys if found == path or found.startswith(f"{path}/")]
        assert of_path, whys
        assert all(found.startswith(why) for found in of_path)
    assert dataset.layout is not None
    recorded = Layout.model_validate_json(dataset.layout.model_dump_json())
    again = open_dataset(root, layout=recorded)
    assert again.table.equals(dataset.table)
    assert again.layout == recorded


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    """And each of the choices that the message names is read."""
    case, root = REFUSED[name], tmp_path / "data"
    written(root, case.files)
    with pytest.raises(DataError) as caught:
        open_dataset(root)
    message = str(caught.value).replace(str(root), "ROOT")
    assert case.words in message
    if choice := re.search(r"such as ROOT/([\w/]+)", message):
        assert len(open_dataset(root / choice[1]).classes) == 2
    for choice, read in case.choices.items():
        assert choice in message.replace("'", "")
        argument, _, value = choice.partition("=")
        assert understood(open_dataset(root, **{argument: value})) == read


def test_splits_may_be_stated(tmp_path: Path) -> None:
    root = written(tmp_path / "data", "{one,two/deep}/{a,b}/1.jpg three/{a,b}/1.jpg")
    dataset = open_dataset(root, splits={"train": "one", "test": "two/deep"})
    assert understood(dataset) == A_B
    assert {one.path for one in dataset.passed_over} == {"three/a/1.jpg", "three/b/1.jpg"}
    again = open_dataset(root, splits="train=one,test=./two/deep/")
    assert again.table.equals(dataset.table)


def test_the_rest_may_be_a_split(tmp_path: Path) -> None:
    root = written(tmp_path / "data", "{a,b}/1.jpg held/{a,b}/1.jpg")
    assert understood(open_dataset(root, splits={"train": ".", "test": "held"})) == A_B


def test_stated_splits_of_labels_in_names(tmp_path: Path) -> None:
    root = written(tmp_path / "data", "one/{a,b}.1.jpg two/{a,b}.2.jpg")
    dataset = open_dataset(root, label_from=r"(\w)\.", splits={"train": "one", "test": "two"})
    assert understood(dataset) == A_B


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ("train=nowhere", "names no folder of pictures"),
        ("train=one,exam=two", "is invalid"),
        ("train", "is invalid"),
        ("train=../data/one", "outside of the data"),
        ("train=/one", "outside of the data"),
        ("train=one,test=one", "Two splits have one folder"),
    ],
)
def test_splits_that_cannot_be(splits: str, words: str, tmp_path: Path) -> None:
    root = written(tmp_path / "data", "{one,two}/{a,b}/1.jpg")
    with pytest.raises(UsageError, match=words):
        open_dataset(root, splits=splits)


def test_a_layout_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no layout 'split'(.|\n)*did you mean 'splits'"):
        open_dataset(written(tmp_path / "data", "{a,b}/1.jpg"), layout="split")


@pytest.mark.parametrize("name", ["chest X-rays: splits, and the whole once more", "folds outside"])
def test_archives_are_read_like_folders(name: str, tmp_path: Path) -> None:
    root = written(tmp_path / "data", READ[name].files)
    packed = open_dataset(shutil.make_archive(str(tmp_path / "packed"), "zip", root))
    folder = open_dataset(root)
    assert packed.table.equals(folder.table)
    assert packed.layout == folder.layout


def test_a_folder_added_later_changes_no_understanding(tmp_path: Path) -> None:
    """A saved dataset lists its original as it was first read."""
    root = written(tmp_path / "data", "train/{steam,diesel}/{1,2,3,4}.jpg bus/{1,2,3,4}.jpg")
    dataset = open_dataset(root, layout="classes")
    plan = SplitPlan.made(validation=0.25, copies="ignore")
    saved = save(split_up(dataset, plan), tmp_path / "a.dataset", {"layout": "classes"})
    written(root, "test/{steam,diesel}/{1,2}.jpg train/steam/5.jpg")
    made = extend(SavedDataset.open(saved.folder))
    assert made.dataset.classes == ("bus", "test", "train")
    assert made.placed == 5


class TestNames:
    """Names of classes that are probably not what was meant."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [("Cat", "cat"), ("cat", "cat "), ("caf\u00e9", "cafe\u0301"), ("a b", "ab")],
    )
    def test_names_that_look_alike_are_pointed_out(
        self, one: str, other: str, tmp_path: Path
    ) -> None:
        write_files(tmp_path, f"{one}/1.jpg", f"{other}/2.jpg", "dog/3.jpg")
        dataset = open_dataset(tmp_path)
        assert len(dataset.classes) == 3
        note = "These classes differ only in case, blanks or Unicode form: "
        (found,) = [note_ for note_ in dataset.notes if note_.startswith(note)]
        assert "dog" not in found
        finding = audit(dataset)["classes of one name"]
        assert set(finding.classes) == {one, other}

    @pytest.mark.parametrize("name", ["daisy|yellow", "daisy;yellow", "daisy+rose", "daisy, rose"])
    def test_two_labels_in_one_are_refused(self, name: str, tmp_path: Path) -> None:
        write_files(tmp_path, "daisy/1.jpg", "rose/1.jpg", f"{name}/1.jpg")
        with pytest.raises(DataError, match="is 2 labels in one"):
            open_dataset(tmp_path)

    @pytest.mark.parametrize("name", ["black & white", "salt, pepper", "C++"])
    def test_other_names_are_classes(self, name: str, tmp_path: Path) -> None:
        write_files(tmp_path, "daisy/1.jpg", "rose/1.jpg", f"{name}/1.jpg")
        assert name in open_dataset(tmp_path).classes


def test_notes_name_splits_and_folders_inside_classes(tmp_path: Path) -> None:
    root = written(tmp_path / "data", "cats/{1.jpg,old/2.jpg,new/3.jpg} dogs/1.jpg Test/cats/1.jpg")
    assert open_dataset(root).notes == (
        "Splits: . is train, Test/ is test.",
        "Pictures in folders inside a class belong to it: cats.",
        "The test split has no pictures of: dogs.",
    )


class TestTree:
    def test_splits_and_what_is_skipped(self, tmp_path: Path) -> None:
        root = written(tmp_path / "data", READ["splits wrapped twice, prefixed"].files)
        written(root, "docs/1.txt")
        assert layout_lines(open_dataset(root)) == [
            "Read as folders of splits:",
            "  ├─ seg_train/seg_train/  train: forest, sea (2 classes, 2 files)",
            "  ├─ seg_test/seg_test/    test: forest, sea (2 classes, 2 files)",
            "  ├─ seg_pred/             skipped, an unlabelled split: its pictures are in no class "
            "folders",
            "  └─ docs/                 skipped, a folder without pictures, by the endings of its "
            "files",
        ]

    def test_classes_and_splits_inside(self, tmp_path: Path) -> None:
        root = written(tmp_path / "data", "w/{a,b}/{train,test}/1.jpg")
        assert layout_lines(open_dataset(root)) == [
            "Read as folders of classes:",
            "  ├─ w/a/{train, test}/  class, 2 files",
            "  └─ w/b/{train, test}/  class, 2 files",
        ]

    def test_what_is_skipped_beside_wrapped_splits(self, tmp_path: Path) -> None:
        root = written(tmp_path / "data", "w/{train,val}/{a,b}/1.jpg")
        written(root, "w/w/train/a/1.jpg")
        assert layout_lines(open_dataset(root))[-1] == (
            "  └─ w/w/      skipped, not inside a split folder"
        )

    def test_many_classes(self, tmp_path: Path) -> None:
        root = written(tmp_path / "data", "{0,1,2,3,4,5,6,7,8,9}/1.jpg")
        lines = layout_lines(open_dataset(root))
        assert len(lines) == 8
        assert lines[-1].endswith("…   together 10 classes, 10 files")


def test_a_dataset_without_training_pictures_is_not_trained_on(tmp_path: Path) -> None:
    dataset = open_dataset(written(tmp_path / "data", "{test,val}/{a,b}/1.jpg"))
    with pytest.raises(DataError, match="no training pictures to take the validation split"):
        dataset.only("test").split(validation=0.5)
    with pytest.raises(
        DataError, match=r"no training pictures(.|\n)*2 validation, 2 test"
    ) as caught:
        prepare(dataset, recipe_named("scratch"))
    assert "open that folder itself" in str(caught.value.remedy)


NAMES = (
    "train test val seg_train seg_test Train_images pred unknown cats dogs cat Cats images masks "
    "labels data fold1 fold2 2019 2020 a b 1 2 3 class bullet_train"
)
WORDS = st.sampled_from(NAMES.split())
PATHS = st.lists(
    st.tuples(st.lists(WORDS, max_size=4), st.sampled_from(["1.jpg", "2.png", "3", "4.txt"])),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(paths=PATHS)
def test_every_file_is_read_or_skipped_or_all_are_refused(
    paths: list[tuple[list[str], str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And labels are names of folders around the file."""
    root = tmp_path_factory.mktemp("any")
    for folders, name in paths:
        path = root.joinpath(*folders, name)
        with contextlib.suppress(OSError):  # a file in place of a folder
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    try:
        dataset = open_dataset(root)
    except DataError:
        return
    skipped = [one.path for one in dataset.passed_over]
    for locator, label in dataset.table[["locator", "label"]].itertuples(index=False):
        assert label in locator.split("/")[:-1]
        files.remove(locator)
    assert all(any(f"{file}/".startswith(f"{path}/") for path in skipped) for file in files)
