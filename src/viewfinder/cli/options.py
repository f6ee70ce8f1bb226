"""Options that several commands have, each declared once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from viewfinder.cli.groups import RecipeKey, settings_of
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.classifier import Classifier
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.transfer import Transfer

_READING = "How DATA is read"
_MORE = "More settings"
_BASE = "A pretrained base"
_RESULTS = "What is printed"


_DENSE: dict[str, list[int]] = {"linear": [], "dense": [128]}


def side_lengths(text: str | None) -> tuple[int, int] | None:
    """(height, width) from `128` or `96x128`."""
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise UsageError(
            "--image-size is not a size.", expected="128, or HxW such as 96x128", received=text
        )
    return int(sides[0]), int(sides[-1])


Data = Annotated[
    Path,
    typer.Argument(
        help="Folders of pictures, a saved dataset, a table of paths or pixels, idx, .npz or "
        "Parquet files, or an archive."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=_RESULTS)
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print results and errors only.", rich_help_panel=_RESULTS),
]
Alpha = Annotated[
    float | None,
    RecipeKey("model.alpha"),
    typer.Option(help="Width of the base, such as 0.35.", rich_help_panel=_BASE),
]
Weights = Annotated[
    str | None,
    RecipeKey("model.weights"),
    typer.Option(metavar="imagenet|FILE|none", help="Weights of the base.", rich_help_panel=_BASE),
]
Cut = Annotated[
    str | None,
    RecipeKey("model.cut"),
    typer.Option(
        metavar="LAYER", help="Last layer of the base, such as mixed7.", rich_help_panel=_BASE
    ),
]
ImageSize = Annotated[
    str | None,
    RecipeKey("input.size", side_lengths),
    typer.Option("--image-size", metavar="SIDE|HxW", help="Size of the model's input, in pixels."),
]
BatchSize = Annotated[
    int | None,
    RecipeKey("training.batch_size"),
    typer.Option(help="Pictures in a batch.", rich_help_panel=_MORE),
]


@dataclass(frozen=True)
class ResultOptions:
    """What is printed, and how much of it."""

    as_json: AsJson = False
    quiet: Quiet = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print more details.", rich_help_panel=_RESULTS),
    ] = False

    @cached_property
    def progress(self) -> "Progress":
        """Messages and bars at this level."""
        from viewfinder.core.progress import Progress

        return Progress(0 if self.quiet else 2 if self.verbose else 1)


_FOREIGN = "A model trained elsewhere"
PixelScaling = Annotated[
    str | None,
    typer.Option(
        "--preprocessing",
        metavar="NAME",
        help="Scaling of its pixels: 0-255, 0-1, -1-1, caffe or imagenet; or the "
        "path of a preprocessing.json.",
        rich_help_panel=_FOREIGN,
    ),
]


@dataclass(frozen=True)
class ForeignOptions:
    """What the file of a model that was trained elsewhere does not say."""

    class_names: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Its classes in the order of the outputs: with commas, or a text file with one a "
            "line.",
            rich_help_panel=_FOREIGN,
        ),
    ] = None
    preprocessing: PixelScaling = None

    def load(self, model: Path, progress: "Progress") -> "Classifier":
        """Load a run or another model, and print what was taken from elsewhere than its file."""
        from viewfinder.models.opening import load

        classifier = load(model, class_names=self.class_names, preprocessing=self.preprocessing)
        for note in classifier.notes:
            progress.say(note)
        return classifier


@dataclass(frozen=True)
class DataOptions:
    """How DATA is read."""

    label_from: Annotated[
        str | None,
        # The backslash before the bracket keeps Rich from taking it for markup.
        typer.Option(
            metavar="REGEX",
            help="Find labels in file names: '(\\[a-z]+)\\.'",
            rich_help_panel=_READING,
        ),
    ] = None
    label_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Column of a table with the labels.", rich_help_panel=_READING
        ),
    ] = None
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder that the paths in a table start at.",
            rich_help_panel=_READING,
        ),
    ] = None
    classes: Annotated[
        str | None,
        typer.Option(
            "--class-names",
            metavar="NAMES",
            help="Names of the classes 0, 1 …: with commas, or a text file with one a line.",
            rich_help_panel=_READING,
        ),
    ] = None
    value_range: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW,HIGH",
            help="Numbers of black and white in arrays and tables of pixels: 0,4095",
            rich_help_panel=_READING,
        ),
    ] = None
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="classes|splits|innermost",
            help="Which folders are the classes: those at the top, those in split folders, or "
            "those that hold the pictures.",
            rich_help_panel=_READING,
        ),
    ] = None
    splits: Annotated[
        str | None,
        typer.Option(
            metavar="train=DIR,test=DIR",
            help="Folders of the splits (train, validation, test), inside DATA.",
            rich_help_panel=_READING,
        ),
    ] = None

    def opened(
        self, data: Path, progress: "Progress", *, needs_labels: bool = True, **further: Any
    ) -> "Dataset":
        """The dataset at `data`; its layout is shown. `further` as for :func:`viewfinder.open`."""
        from viewfinder.cli.tables import show_layout
        from viewfinder.data.sources import open_dataset

        stated = {**self.record, "root": self.root}
        stated |= {name: given for name, given in further.items() if given is not None}
        dataset = open_dataset(data, needs_labels=needs_labels, progress=progress, **stated)
        show_layout(dataset, progress)
        return dataset

    @property
    def record(self) -> dict[str, Any]:
        """The options as the header of a saved dataset keeps them, without relative paths."""
        from viewfinder.core.class_names import stated_class_names

        root = str(self.root.resolve()) if self.root else None
        classes = stated_class_names(self.classes) if self.classes else None
        numbers = _numbers(self.value_range)
        return {**vars(self), "root": root, "classes": classes, "value_range": numbers}


def _numbers(text: str | None) -> tuple[float, float] | None:
    """(low, high) from `0,4095`."""
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise UsageError(
            "--range is not a range.",
            expected="the numbers of black and of white, such as 0,1 or -1,1 or 0,4095",
            received=text,
        ) from None
    return low, high


GroupFrom = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX|exif:KEY",
        help="Find groups in file names, which stay in one split: '^(\\[a-z]+\\d+)-'; or in EXIF: "
        "exif:camera, exif:day, exif:hour, exif:minute",
        rich_help_panel=_READING,
    ),
]


@dataclass(frozen=True)
class RecipeOptions:
    """The recipe, and any of its settings."""

    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Named recipe, see `viewfinder recipes`. Without one, `train` compares several.",
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting; `viewfinder recipes NAME --schema` lists them. Repeatable.",
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML file with settings, such as a run's recipe.yaml.",
            rich_help_panel=_MORE,
        ),
    ] = None

    def changed(self, flags: Mapping[str, Any], begun: "Recipe | None" = None) -> "Recipe":
        """The named recipe, changed by the file, then the flags, then the single settings.

        Args:
            flags: Values by the recipe's dotted keys.
            begun: The recipe of a run that is resumed, used where no name is given. Without it the
                recipe is "transfer" if a flag requests a model on a base, else "scratch".
        """
        from viewfinder.recipe import parse_settings, read_settings
        from viewfinder.recipe.named import recipe_named

        if begun and self.recipe is None:
            recipe = begun
        else:
            is_on_base = "model.kind" in flags
            recipe = recipe_named(self.recipe or ("transfer" if is_on_base else "scratch"))
        if self.config:
            recipe = recipe.changed(read_settings(self.config))
        flags = dict(flags)
        if recipe.training.kind == "solve-then-tune" and "training.epochs" in flags:
            # The head is solved; epochs are those of the phase after it.
            flags["training.fine_tune.epochs"] = flags.pop("training.epochs")
        # At once, because settings may fit together only when all of them are there.
        return recipe.changed({**flags, **parse_settings(self.settings or ())})


@dataclass(frozen=True)
class InputOptions:
    """What the model sees, and the seed."""

    augment: Annotated[
        str | None,
        RecipeKey("training.augment"),
        typer.Option(
            metavar="POLICY", help="Augmentation: none, course, gentle, standard or strong."
        ),
    ] = None
    size: ImageSize = None
    seed: Annotated[
        int | None,
        RecipeKey("seed"),
        typer.Option(help="Decides splits, order, augmentation and first weights."),
    ] = None
    isolate: Annotated[
        bool | None,
        RecipeKey("input.isolate"),
        typer.Option(
            "--isolate",
            help="Cut the subject out of its scene, also in predictions.",
            rich_help_panel=_MORE,
        ),
    ] = None


@dataclass(frozen=True)
class BaseOptions:
    """The pretrained base, and the head on it."""

    base: Annotated[
        str | None,
        RecipeKey("model.base"),
        typer.Option(
            metavar="NAME",
            help="Frozen network: one of `viewfinder bases`, a FILE.keras, or hub:PRESET of "
            "KerasHub.",
            rich_help_panel=_BASE,
        ),
    ] = None
    alpha: Alpha = None
    weights: Weights = None
    cut: Cut = None
    head: Annotated[
        Literal["linear", "dense"] | None,
        RecipeKey("model.dense", _DENSE.__getitem__),
        typer.Option(
            help="Linear classifier, or a dense layer with dropout.", rich_help_panel=_BASE
        ),
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The recipe's settings for these flags; any of them requests a model on a base."""
        settings = settings_of(self)
        return {"model.kind": "transfer", **settings} if settings else {}

    def for_features(self, pooling: str = "quarters") -> "Transfer":
        """The base whose features are computed, pooled as a head's are.

        Raises:
            RecipeError: The flags do not fit together.
        """
        from viewfinder.recipe.named import recipe_named

        flags = {**self.given, "model.pooling": pooling}
        settings = recipe_named("transfer").changed(flags).on_features
        assert settings is not None
        return settings


@dataclass(frozen=True)
class EvidenceOptions:
    """What an audit takes for doubtful labels and outliers."""

    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|BASE",
            help="Also find doubtful labels and outliers, by a file of `viewfinder features` or "
            "by this base.",
        ),
    ] = None
    alpha: Alpha = None
    weights: Weights = None

    def check(self) -> None:
        """Refuse settings of a base where there is none.

        Raises:
            UsageError: There are some.
        """
        is_base = self.features is not None and not self._is_file
        if not is_base and (self.alpha is not None or self.weights is not None):
            raise UsageError(
                "--alpha and --weights are settings of a base.",
                expected="--features with the name of a base, such as MobileNetV2",
                received=f"--features {self.features}" if self.features else "no --features",
            )

    @property
    def _is_file(self) -> bool:
        return Path(self.features or "").suffix in (".npz", ".parquet")

    def of(self, dataset: "Dataset", progress: "Progress") -> dict[str, Any]:
        """Return `features` and `probabilities` for the audit of this dataset."""
        if self.features is None:
            return {}
        from viewfinder.models.features.table import evidence

        base = BaseOptions(self.features, self.alpha, self.weights)
        origin = Path(self.features) if self._is_file else base.for_features()
        return evidence(dataset, origin, progress)
