"""The course's datasets: where they are in public, what they are, and how they are laid out.

Sizes and checksums are those that somebody has published; `stated_by` says who. What nobody has
published is None. `verified` tells whether we have seen a download work from beginning to end.
"""

from dataclasses import dataclass
from typing import Literal

from viewfinder.core.errors import UsageError, nearest


@dataclass(frozen=True)
class Address:
    """One place on the web where a file is, and what is known of the file there.

    Attributes:
        url: An https address.
        bytes: The file's size, if somebody has published it.
        sha256: The file's checksum, likewise, in hexadecimal.
        stated_by: Who published these.
    """

    url: str
    bytes: int | None = None
    sha256: str | None = None
    stated_by: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset and what becomes of it.

    Attributes:
        name: What it is called on the disk.
        addresses: Where it is, in the order in which they are tried.
        unpack: Whether it is an archive to be unpacked; else it is put into the folder as it is.
        inside: The way to the part of the archive that is taken: names of folders, or of archives
            that are unpacked in turn.
        becomes: The folder within the dataset's that this part becomes; "" for that folder itself.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    unpack: bool = False
    inside: tuple[str, ...] = ()
    becomes: str = ""


@dataclass(frozen=True)
class Kaggle:
    """A dataset or competition of Kaggle, which gives its files to those with an account.

    Attributes:
        kind: Which of the two.
        name: Its name in the page's address.
    """

    kind: Literal["dataset", "competition"]
    name: str

    @property
    def page(self) -> str:
        """The page where a browser can download it."""
        above = "datasets" if self.kind == "dataset" else "competitions"
        return f"https://www.kaggle.com/{above}/{self.name}"


@dataclass(frozen=True)
class Entry:
    """A dataset of the course.

    Attributes:
        name: What it is called here.
        title: What it shows.
        pictures: How many labelled pictures it has.
        classes: How many classes.
        files: What is downloaded; nothing for pictures that Viewfinder carries.
        licence: Under which terms.
        citation: Whom to name.
        course: What the course does with it.
        recipe: The named recipe that fits.
        opens: The file within the folder that is to be opened; "" for the folder.
        label_from: What finds the label in file names, where folders do not tell it.
        kaggle: Where an account is needed.
        verified: Whether a download has been seen to work.
    """

    name: str
    title: str
    pictures: int
    classes: int
    files: tuple[RemoteFile, ...]
    licence: str
    citation: str
    course: str
    recipe: str
    opens: str = ""
    label_from: str | None = None
    kaggle: Kaggle | None = None
    verified: bool = False

    @property
    def bytes(self) -> int | None:
        """What is to be downloaded, if all of it is known."""
        sizes = [file.addresses[0].bytes if file.addresses else None for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None


_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_TFDS = "https://storage.googleapis.com/download.tensorflow.org/data"
_COURSE = "https://storage.googleapis.com/learning-datasets"
_BLOG = "https://storage.googleapis.com/laurencemoroney-blog.appspot.com"
_ZALANDO = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
_MICROSOFT = "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F"

_TFDS_CHECKSUMS = "TensorFlow Datasets, url_checksums"
_RESEARCH_ONLY = "for research (Microsoft)"


def entry_named(name: str) -> Entry:
    """The entry of this name.

    Raises:
        UsageError: There is none; the message has the nearest one.
    """
    if name not in CATALOGUE:
        raise UsageError(f"There is no dataset {name!r}.", remedy=nearest(name, CATALOGUE))
    return CATALOGUE[name]


def _at(urls: tuple[str, ...], size: int, sha256: str, stated_by: str) -> tuple[Address, ...]:
    """One file in several places."""
    return tuple(Address(url, size, sha256, stated_by) for url in urls)


def _fashion(name: str, size: int, sha256: str) -> RemoteFile:
    places = (f"{_KERAS}/{name}", f"{_ZALANDO}/{name}")
    return RemoteFile(name, _at(places, size, sha256, _TFDS_CHECKSUMS))


def _split_zip(name: str, size: int, sha256: str, *, inside: str, becomes: str) -> RemoteFile:
    """A part of L. Moroney's rendered sets; the checksums were published for the first address."""
    places = (f"{_TFDS}/{name}", f"{_COURSE}/{name}")
    addresses = _at(places, size, sha256, _TFDS_CHECKSUMS)
    return RemoteFile(
        name, addresses, unpack=True, inside=(inside,) if inside else (), becomes=becomes
    )


_MNIST = Entry(
    name="mnist",
    title="handwritten digits, gray 28 × 28",
    pictures=70_000,
    classes=10,
    files=(
        RemoteFile(
            "mnist.npz",
            _at(
                (f"{_KERAS}/mnist.npz",),
                11_490_434,
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                "keras.datasets.mnist (checksum), its progress bar (size)",
            ),
        ),
    ),
    licence="CC BY-SA 3.0",
    citation="Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits",
    course="dense and convolutional networks; stop by callback at 0.99",
    recipe="course/mnist",
    opens="mnist.npz",
)

_FASHION_MNIST = Entry(
    name="fashion-mnist",
    title="Zalando's articles, gray 28 × 28",
    pictures=70_000,
    classes=10,
    files=(
        _fashion(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        _fashion(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        _fashion(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        _fashion(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    licence="MIT",
    citation="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
    course="the first classifier: dense, then convolutional; what a convolution does",
    recipe="course/fashion-cnn",
)

_CATS_AND_DOGS_FILTERED = Entry(
    name="cats-and-dogs-filtered",
    title="photos of cats and dogs of all sizes, split",
    pictures=3_000,
    classes=2,
    files=(
        RemoteFile(
            "cats_and_dogs_filtered.zip",
            (
                Address(
                    "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
                    bytes=68_606_236,
                    stated_by="the logs of published notebooks, 2019 to 2025 (size)",
                ),
            ),
            unpack=True,
            inside=("cats_and_dogs_filtered",),
        ),
    ),
    licence=_RESEARCH_ONLY,
    citation="J. Elson and others: Asirra, ACM CCS 2007; selection by Google",
    course="overfitting, augmentation, dropout, transfer from Inception",
    recipe="course/cats-dogs",
)

_CATS_AND_DOGS = Entry(
    name="cats-and-dogs",
    title="all photos of cats and dogs, some broken",
    pictures=25_000,
    classes=2,
    files=(
        RemoteFile(
            "kagglecatsanddogs.zip",
            (
                Address(
                    f"{_MICROSOFT}/kagglecatsanddogs_5340.zip",
                    824_887_076,
                    "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
                    "GoMLX's cats-and-dogs example (checksum), notebooks' logs (size)",
                ),
                Address(
                    f"{_MICROSOFT}/kagglecatsanddogs_3367a.zip",
                    824_894_548,
                    "f9553e426bd725354ed3a27e3c6920caadb55c835d1ebd880d2e56d3f1fbb22b",
                    _TFDS_CHECKSUMS,
                ),
            ),
            unpack=True,
            inside=("PetImages",),
        ),
    ),
    licence=_RESEARCH_ONLY,
    citation="J. Elson and others: Asirra, ACM CCS 2007",
    course="preparing messy data: empty and corrupt files, a split of its own",
    recipe="course/cats-dogs",
)

_HORSE_OR_HUMAN = Entry(
    name="horse-or-human",
    title="rendered horses and humans, 300 × 300, split",
    pictures=1_283,
    classes=2,
    files=(
        _split_zip(
            "horse-or-human.zip",
            149_574_867,
            "e2e6f70d3d549c5dd10a57165e55af253ee66ad750403f95c0fb76bb943633a9",
            inside="",
            becomes="train",
        ),
        _split_zip(
            "validation-horse-or-human.zip",
            11_480_187,
            "ae5fff2f4f5554791f05358108e2e05d9801b191f1896ea101402f0e7f6c32c0",
            inside="",
            becomes="validation",
        ),
    ),
    licence="CC BY 2.0",
    citation="L. Moroney: Horses or Humans Dataset, 2019",
    course="the first real pictures; augmentation that does not help",
    recipe="course/horses-humans",
)

_ROCK_PAPER_SCISSORS = Entry(
    name="rock-paper-scissors",
    title="rendered hands, 300 × 300, split",
    pictures=2_892,
    classes=3,
    files=(
        _split_zip(
            "rps.zip",
            200_682_221,
            "c2403444395842ad04c53612bad54b574443eae17a0723117a2ff87b9d72194f",
            inside="rps",
            becomes="train",
        ),
        _split_zip(
            "rps-test-set.zip",
            29_516_758,
            "c27ab9fa43ce40b2e453de711365b477f4424586edf0388116674fd320f07503",
            inside="rps-test-set",
            becomes="test",
        ),
    ),
    licence="CC BY 2.0",
    citation="L. Moroney: Rock, Paper, Scissors Dataset, 2019",
    course="more than two classes",
    recipe="course/rock-paper-scissors",
)

_HAPPY_OR_SAD = Entry(
    name="happy-or-sad",
    title="drawn faces, 150 × 150",
    pictures=80,
    classes=2,
    files=(
        RemoteFile(
            "happy-or-sad.zip",
            (Address(f"{_COURSE}/happy-or-sad.zip"), Address(f"{_BLOG}/happy-or-sad.zip")),
            unpack=True,
        ),
    ),
    licence="none stated",
    citation="L. Moroney, for the TensorFlow course",
    course="train above 0.999 on 80 pictures; stop by callback",
    recipe="course/happy-sad",
)

_SIGN_LANGUAGE_MNIST = Entry(
    name="sign-language-mnist",
    title="letters of sign language, gray 28 × 28, as CSV",
    pictures=34_627,
    classes=24,
    files=(RemoteFile("sign-language-mnist.zip", unpack=True),),
    licence="see its Kaggle page",
    citation="tecperson: Sign Language MNIST, Kaggle",
    course="pictures from a CSV of pixels; augmentation from arrays",
    recipe="course/sign-language",
    kaggle=Kaggle("dataset", "datamunge/sign-language-mnist"),
)

_DOGS_VS_CATS = Entry(
    name="dogs-vs-cats",
    title="Kaggle's photos of cats and dogs, flat: cat.0.jpg",
    pictures=25_000,
    classes=2,
    files=(RemoteFile("dogs-vs-cats.zip", unpack=True, inside=("train.zip", "train")),),
    licence=_RESEARCH_ONLY,
    citation="Kaggle competition Dogs vs. Cats, 2013; photos: Asirra",
    course="labels in file names",
    recipe="course/cats-dogs",
    label_from=r"([a-z]+)\.",
    kaggle=Kaggle("competition", "dogs-vs-cats"),
)

_DIGITS = Entry(
    name="digits",
    title="scikit-learn's handwritten digits, gray 8 × 8, split",
    pictures=1_797,
    classes=10,
    files=(),
    licence="CC BY 4.0 (UCI)",
    citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
    course="nothing: it needs no download, and is the demo",
    recipe="digits",
    verified=True,
)

CATALOGUE = {
    entry.name: entry
    for entry in (
        _DIGITS,
        _MNIST,
        _FASHION_MNIST,
        _CATS_AND_DOGS_FILTERED,
        _CATS_AND_DOGS,
        _HORSE_OR_HUMAN,
        _HAPPY_OR_SAD,
        _ROCK_PAPER_SCISSORS,
        _SIGN_LANGUAGE_MNIST,
        _DOGS_VS_CATS,
    )
}
