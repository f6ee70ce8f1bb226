"""The recipe: one frozen record of everything a run depends on, apart from the pictures.

A recipe comes from a named one (`viewfinder.recipes`), changed by a YAML file and by single
settings such as `model.dropout=0.5`. Unknown keys and impossible values are refused before any
picture is read. What is left open (`null`) is settled by the pictures: `Recipe.settled`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from viewfinder.augment import Plan, policy
from viewfinder.bases.catalogue import base_named
from viewfinder.bases.settings import FineTune, Transfer
from viewfinder.errors import RecipeError, nearest
from viewfinder.preprocessing import Color, Preprocessing, ResizePolicy, Side

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Units = tuple[Count, ...]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Data(_Record):
    """Which pictures train, and which judge.

    Attributes:
        validation: The share of the training pictures that is set aside where the data has no
            validation split.
        holdout: A split that is kept for one evaluation at the end and steers nothing.
    """

    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    holdout: Literal["validation", "test"] | None = None


class Input(_Record):
    """What the model sees: the settings of :class:`viewfinder.preprocessing.Preprocessing`.

    Attributes:
        size: (height, width) in pixels; None suits it to the pictures.
        color: None means gray where all pictures are gray.
        resize: What happens to the aspect ratio.
        headroom: How much larger than `size` the training pictures are kept where augmentation
            moves pixels: its map then does the last resize, so that a crop is not enlarged.
    """

    size: tuple[Side, Side] | None = None
    color: Color | None = None
    resize: ResizePolicy = "stretch"
    headroom: Annotated[float, Field(ge=1, le=4)] = 1.4


class ConvStack(_Record):
    """The course's shape: convolutions, each with 2 × 2 max pooling, then dense layers.

    Attributes:
        filters: One 3 × 3 convolution with ReLU for each number.
        dense: One dense layer with ReLU for each number.
        dropout: The share of units dropped before the first dense layer.
    """

    kind: Literal["conv-stack"] = "conv-stack"
    filters: Units = (16, 32, 64)
    dense: Units = (512,)
    dropout: Fraction = 0.0


class Compact(_Record):
    """A small network for any size: batch norm, global average pooling, no large dense layer.

    Attributes:
        width: The filters of the first stage; each further stage has twice as many, up to eight
            times. There are as many stages as halve the picture to four pixels or so.
        dropout: The share of features dropped before the last layer.
    """

    kind: Literal["compact"] = "compact"
    width: Count = 32
    dropout: Fraction = 0.2


Model = Annotated[ConvStack | Compact | Transfer, Field(discriminator="kind")]
_KINDS = {"conv-stack": ConvStack, "compact": Compact, "transfer": Transfer}


def _known_policy(name: str) -> str:
    policy(name)
    return name


class Training(_Record):
    """How the model is fitted.

    Attributes:
        optimizer: The name of the optimizer.
        learning_rate: Its learning rate.
        schedule: "constant", or "cosine": from `learning_rate` down to nearly 0 at the end.
        batch_size: Pictures in a step.
        epochs: Passes over the training pictures.
        augment: The name of an augmentation policy (`viewfinder.augment.POLICIES`), or the
            settings of a plan of one's own.
        fine_tune: A second phase that trains the top of the base too; None for no such phase.
    """

    optimizer: Literal["rmsprop", "adam", "adamw", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: Count = 32
    epochs: Count = 10
    augment: Annotated[str, AfterValidator(_known_policy)] | Plan = "none"
    fine_tune: FineTune | None = None

    @property
    def plan(self) -> Plan:
        """How training pictures are varied."""
        return policy(self.augment) if isinstance(self.augment, str) else self.augment


class Recipe(_Record):
    """Everything a run depends on, apart from the pictures.

    Attributes:
        name: The named recipe it started from.
        summary: What it is for, as a line.
        seed: Decides splits, order, variation and first weights.
    """

    name: str = "default"
    summary: str = ""
    data: Data = Data()
    input: Input = Input()
    model: Model = Compact()
    training: Training = Training()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

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
        if self.input.color == "gray":
            raise RecipeError(
                f"{self.model.base} takes colour pictures.",
                expected="input.color rgb (gray pictures are turned into it)",
                received="gray",
            )
        varies = bool(self.training.plan.operations)
        if self.on_features and varies != (self.model.views > 1):
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
        brings that kind's own keys, with their defaults.

        Raises:
            RecipeError: An unknown key, with the nearest known one; or a value that cannot be.
        """
        tree = self.model_dump()
        for key in sorted(settings, key=_kind_first):
            _place(tree, key.split("."), settings[key], key)
        return _validated(tree)

    def settled(self, size: tuple[int, int], color: Color) -> "Recipe":
        """The recipe with an input size and colour, where it has left them open."""
        settings = {"size": self.input.size or size, "color": self.input.color or color}
        return self.model_copy(update={"input": self.input.model_copy(update=settings)})

    @property
    def on_features(self) -> Transfer | None:
        """The settings of the base, where the head is fitted on stored features."""
        model = self.model
        if not isinstance(model, Transfer) or self.training.fine_tune:
            return None
        return model if model.frozen == "features" else None

    @property
    def chooses_on_folds(self) -> bool:
        """Whether folds of the training pictures choose, and validation pictures have no say."""
        return self.on_features is not None and not self.on_features.dense

    def settled_by_base(self) -> "Recipe":
        """The recipe with the size and colour of its base's weights, where it has left them open.

        Without a base it is as it was: the pictures decide.
        """
        if not isinstance(self.model, Transfer):
            return self
        side = base_named(self.model.base).size
        return self.settled((side, side), "rgb")

    @property
    def preprocessing(self) -> Preprocessing:
        """The way of a picture into this recipe's model; the recipe must be settled."""
        if self.input.size is None or self.input.color is None:
            raise RecipeError("The recipe has no input size yet; `settled` gives it one.")
        height, width = self.input.size
        return Preprocessing(
            height=height, width=width, color=self.input.color, resize=self.input.resize
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

    def to_yaml(self) -> str:
        """The recipe as YAML, in the order of its fields."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a YAML file, for :meth:`Recipe.changed`.

    Raises:
        RecipeError: There is no such file, or it is not a mapping in YAML.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecipeError(f"Cannot read the settings in {path}.", remedy=str(error)) from error
    if not isinstance(settings, dict):
        raise RecipeError(
            f"{path} holds no settings.",
            expected="a mapping such as 'training: {epochs: 3}'",
            received=type(settings).__name__,
        )
    return {str(key): value for key, value in settings.items()}


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Settings from `key=value` words; values are read as YAML, so `null` and `[1, 2]` work."""
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(
                "A setting needs a key and a value.",
                expected="key=value, such as model.dropout=0.5",
                received=pair,
            )
        try:
            settings[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"Cannot read the value of {key}.", received=value) from error
    return settings


def _place(tree: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    """Put a value at its place in a nested mapping whose keys are the known ones."""
    name, *rest = path
    if name not in tree:
        raise RecipeError(f"A recipe has no key {key!r}.", remedy=nearest(name, tree))
    if key == "model.kind" and not rest:
        _change_kind(tree, value)
        return
    if key.startswith("training.fine_tune") and tree[name] is None and (rest or value == {}):
        tree[name] = FineTune().model_dump()
    if rest:
        if not isinstance(tree[name], dict):
            raise RecipeError(f"A recipe has no key {key!r}: {name} is a single value.")
        _place(tree[name], rest, value, key)
    elif isinstance(tree[name], dict) and isinstance(value, dict):
        inner_settings = {str(inner): inner_value for inner, inner_value in value.items()}
        for inner in sorted(inner_settings, key=lambda inner: _kind_first(f"{key}.{inner}")):
            _place(tree[name], inner.split("."), inner_settings[inner], f"{key}.{inner}")
    else:
        tree[name] = value


def _kind_first(key: str) -> bool:
    """Sorts a model's kind to the front, because it decides which other keys there are."""
    return key not in ("model.kind", "model")


def _change_kind(model: dict[str, Any], kind: Any) -> None:
    if kind == model["kind"]:
        return
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RecipeError(
            "There is no such kind of model.",
            received=repr(kind),
            remedy=nearest(str(kind), _KINDS),
        )
    model.clear()
    model.update(_KINDS[kind]().model_dump())


def _validated(tree: dict[str, Any]) -> Recipe:
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in _KINDS)
        raise RecipeError(
            f"The recipe's {where} cannot be used.",
            expected=first["msg"][0].lower() + first["msg"][1:],
            received=repr(first["input"]),
        ) from error
