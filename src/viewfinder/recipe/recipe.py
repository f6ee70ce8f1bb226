"""A recipe as a whole: which pictures, what the model sees, the network, the training, the seed."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from viewfinder.bases.base import Takes
from viewfinder.core.errors import RecipeError
from viewfinder.pictures.preprocessing import Color, Preprocessing, ResizePolicy, Side
from viewfinder.recipe.model import Model, Residual
from viewfinder.recipe.record import Record
from viewfinder.recipe.settings import KIND_KEYS, fits_one_size, kind_first, place, refused
from viewfinder.recipe.stages import Size, epoch_sizes
from viewfinder.recipe.training import Training
from viewfinder.recipe.transfer import Transfer

_READ_BY_A_SOLVED_HEAD = ("augment", "fine_tune", "deterministic")
_LEFT_TO_FOLDS = ("dropout", "l2")


class Data(Record):
    """Which pictures train, and which judge.

    Attributes:
        validation: The share of the training pictures that is set aside where the data has no
            validation split.
        test: The share of each class that is set aside for one evaluation at the end, where the
            data has no test split; 0 for none.
        holdout: A split that is kept for one evaluation at the end and steers nothing.
        fold: Which fold judges, where the data was dealt into folds (`viewfinder split --folds`).
        allow_leaks: Whether a picture may be in training and in another split at once.
    """

    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test: Annotated[float, Field(ge=0, lt=1)] = 0.0
    holdout: Literal["validation", "test"] | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    allow_leaks: bool = False

    @model_validator(mode="after")
    def _has_one_test_split(self) -> Self:
        if self.test and self.holdout:
            raise ValueError(
                f"data.holdout keeps the {self.holdout} split for the end, and data.test would set "
                "other pictures aside for it: choose one"
            )
        if self.test + self.validation >= 1:
            raise ValueError(
                f"data.validation {self.validation:g} and data.test {self.test:g} leave nothing to "
                "train on"
            )
        return self


class Input(Record):
    """What the model sees; see :class:`viewfinder.pictures.preprocessing.Preprocessing`.

    Attributes:
        size: (height, width) in pixels; None suits it to the pictures.
        color: None means gray where all pictures are gray.
        resize: What happens to the aspect ratio.
        isolate: Whether the subject is cut out of its scene, in training and ever after.
        headroom: How much larger than `size` the training pictures are kept where augmentation
            moves pixels: its map then does the last resize, so that a crop is not enlarged.
    """

    size: tuple[Side, Side] | None = None
    color: Color | None = None
    resize: ResizePolicy = "stretch"
    isolate: bool = False
    headroom: Annotated[float, Field(ge=1, le=4)] = 1.4


class Recipe(Record):
    """Everything a run depends on, apart from the pictures.

    Attributes:
        name: The named recipe it started from.
        summary: What it is for, as a line.
        seed: Decides splits, order, variation and first weights.
    """

    name: str = "scratch"
    summary: str = ""
    data: Data = Data()
    input: Input = Input()
    model: Model = Residual()
    training: Training = Training()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @field_validator("training")
    @classmethod
    def _stages_need_any_size(cls, training: Training, others: ValidationInfo) -> Training:
        model = others.data.get("model")
        if training.stages and model is not None and not model.any_size:
            raise RecipeError(
                "Stages need a network whose weights fit pictures of every size.",
                expected="one with global pooling, such as model.kind=residual",
                received=f"model.kind={model.kind}",
                remedy="training.stages=[] trains at one size",
            )
        return training

    @model_validator(mode="after")
    def _suits_base(self) -> "Recipe":
        if not isinstance(self.model, Transfer):
            if self.training.fine_tune:
                raise RecipeError(
                    "Only a base can be fine-tuned.",
                    expected="model.kind transfer",
                    received=self.model.kind,
                )
            return self
        if self.model.built_on.is_catalogued:
            self._require_fit(self.model.built_on.takes())
        varies = bool(self.training.plan.operations)
        has_views = self.model.views > 1
        # Fine-tuning varies pictures without views.
        is_idle = varies and not has_views and not self.training.fine_tune
        if self.on_features and (is_idle or (has_views and not varies)):
            raise RecipeError(
                "A head on stored features sees variations of the pictures as views."
                if varies
                else "Views are variations of the pictures, and no augmentation is set.",
                expected="both training.augment and model.views above 1, or neither",
                received=f"model.views {self.model.views}, "
                f"augmentation {'set' if varies else 'none'}",
                remedy="--views 4 with --augment standard; or --set model.frozen=graph, which "
                "runs the base anew in every step",
            )
        return self

    def changed(self, settings: Mapping[str, Any]) -> "Recipe":
        """The recipe with these settings, by dotted key: `{"training.epochs": 3}`.

        A part such as `model` may be given as a mapping, whole or in pieces. Another `model.kind`
        brings that kind's own keys, with their defaults, and leaves out the stages of the training
        if its weights fit pictures of one size only.

        Raises:
            RecipeError: An unknown key, with the nearest known one; or a value that cannot be.
        """
        tree = self.model_dump()
        for key in sorted(settings, key=kind_first):
            place(tree, key.split("."), settings[key], key)
            if key in KIND_KEYS and fits_one_size(tree["model"]):
                tree["training"]["stages"] = ()
        try:
            return Recipe.model_validate(tree)
        except ValidationError as error:
            raise refused(error) from error

    def settled(self, size: Size | None, color: Color) -> "Recipe":
        """The recipe with an input size (if there is one) and colour, where it left them open."""
        settings = {"size": self.input.size or size, "color": self.input.color or color}
        return self.model_copy(update={"input": self.input.model_copy(update=settings)})

    @property
    def on_features(self) -> Transfer | None:
        """The settings of the base, where the head is fitted on stored features."""
        model = self.model
        return model if isinstance(model, Transfer) and model.frozen == "features" else None

    @property
    def solves_head(self) -> bool:
        """Whether the head is linear, and solved for on stored features."""
        return self.on_features is not None and not self.on_features.dense

    @property
    def chooses_on_folds(self) -> bool:
        """Whether folds of the training pictures choose, and validation pictures have no say."""
        return self.solves_head and not self.training.fine_tune

    def require_no_idle_settings(self) -> None:
        """Raise where a setting was given that nobody reads, as where a head is solved for.

        Not said of a recipe as such, so that what is written in a run can always be read.

        Raises:
            RecipeError: It is named.
        """
        self.training.require_no_idle_settings()
        if self.training.mixup and self.on_features and not self.training.fine_tune:
            raise RecipeError(
                "Stored features are of whole pictures: training.mixup blends none of them.",
                expected="training.mixup=0",
                received=f"training.mixup={self.training.mixup:g}",
                remedy="--set model.frozen=graph runs the base anew in every step",
            )
        if not self.solves_head:
            return
        tunes = self.training.fine_tune is not None
        for name in () if tunes else _LEFT_TO_FOLDS:
            given, expected = getattr(self.model, name), Transfer.model_fields[name].default
            if given != expected:
                raise RecipeError(
                    f"A linear head is solved for: model.{name} has no say in it. Its L2 penalty "
                    "is chosen on folds of the training pictures.",
                    expected=f"model.{name} as it is by default",
                    received=str(given),
                    remedy="--head dense trains in epochs",
                )
        usual = Training()
        for name in Training.model_fields:
            given, expected = getattr(self.training, name), getattr(usual, name)
            is_idle = name == "epochs" if tunes else name not in _READ_BY_A_SOLVED_HEAD
            if is_idle and given != expected:
                epochs = "training.fine_tune.epochs are those of fine-tuning; "
                raise RecipeError(
                    f"A linear head is solved for at once: training.{name} has no say in it.",
                    expected=f"training.{name} as it is by default",
                    received=str(given),
                    remedy=f"{epochs if tunes else ''}--head dense trains in epochs",
                )

    def settled_by_base(self) -> "Recipe":
        """The recipe with the size and colour that its base takes, where it has left them open.

        Without a base it is as it was, and where a base takes any size, that stays open: the
        pictures decide.

        Raises:
            RecipeError: The base takes pictures of another size or colour.
            UsageError: The base is of KerasHub, which is not installed.
            DataError: The base is not at hand, or damaged.
        """
        if not isinstance(self.model, Transfer):
            return self
        takes = self.model.built_on.takes()
        self._require_fit(takes)
        return self.settled(takes.size, takes.color)

    def _require_fit(self, takes: Takes) -> None:
        """Raise where this input is asked for, and the base takes another."""
        assert isinstance(self.model, Transfer)
        label, size = self.model.built_on.label, self.input.size
        if self.input.color not in (None, takes.color):
            raise RecipeError(
                f"{label} takes {'gray' if takes.color == 'gray' else 'colour'} pictures.",
                expected=f"input.color {takes.color} (all pictures are turned into it)",
                received=self.input.color,
            )
        if size and takes.size and takes.is_fixed and size != takes.size:
            height, width = takes.size
            raise RecipeError(
                f"{label} takes pictures of one size only.",
                expected=f"no --image-size, or {width} × {height} pixels",
                received=f"{size[1]} × {size[0]}",
            )

    @property
    def preprocessing(self) -> Preprocessing:
        """The way of a picture into this recipe's model; the recipe must be settled."""
        if self.input.size is None or self.input.color is None:
            raise RecipeError("The recipe has no input size yet; `settled` gives it one.")
        height, width = self.input.size
        return Preprocessing(
            height=height,
            width=width,
            color=self.input.color,
            resize=self.input.resize,
            isolate=self.input.isolate,
        )

    @property
    def training_preprocessing(self) -> Preprocessing:
        """The same for training pictures, larger by the headroom where it is of use."""
        at_input = self.preprocessing
        if not self.training.plan.moves_pixels:
            return at_input
        sides = {"height": at_input.height, "width": at_input.width}
        scaled = {name: round(side * self.input.headroom) for name, side in sides.items()}
        return at_input.model_copy(update=scaled)

    @property
    def epoch_sizes(self) -> list[Size]:
        """The (height, width) at which each epoch trains; the recipe must be settled."""
        height, width, _ = self.preprocessing.shape
        return epoch_sizes(self.training.stages, self.training.epochs, (height, width))

    def to_yaml(self) -> str:
        """The recipe as YAML, in the order of its fields."""
        tree = self.model_dump(mode="json")
        # PyYAML takes U+0085 for a line break of its own, and adds spaces to it, unless escaped.
        plain = "\x85" not in self.name + self.summary
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=plain)
