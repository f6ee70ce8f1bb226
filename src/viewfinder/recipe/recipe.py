"""A recipe as a whole: which pictures, what the model sees, the network, the training, the seed."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from viewfinder.bases.base import Takes
from viewfinder.core.errors import RecipeError
from viewfinder.pictures.preprocessing import Color, Preprocessing
from viewfinder.recipe.data import Data, Input
from viewfinder.recipe.model import Model, Residual
from viewfinder.recipe.record import Record, records_of
from viewfinder.recipe.settings import laid_over, refused
from viewfinder.recipe.stages import Size, epoch_sizes
from viewfinder.recipe.training import Solve, SolveThenTune, Steps, Training, second_phase
from viewfinder.recipe.transfer import Transfer


class Recipe(Record):
    """Everything a run depends on, apart from the pictures."""

    name: str = "scratch"
    """Named recipe that it started from."""

    summary: str = ""
    """What it is for, as a line."""

    data: Data = Data()
    input: Input = Input()

    model: Model = Residual()
    """Network."""

    training: Training = Steps()
    """How the model is fitted: by steps, a head that is solved, or both in turn."""

    int8: bool = False
    """Whether the model that predicts has weights and activations of 8 bits."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides splits, order, augmentation and first weights."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if isinstance(self.training, Steps) and self.training.stages and not self.model.any_size:
            raise RecipeError(
                "Stages need a network whose weights fit pictures of every size.",
                expected="one with global pooling, such as model.kind=residual",
                received=f"model.kind={self.model.kind}",
                remedy="training.stages=[] trains at one size",
            )
        if isinstance(self.model, Transfer):
            if self.model.built_on.is_catalogued:
                _require_fit(self.model, self.input.size, self.input.color)
            _require_effect(self.model, self.training)
        elif self.training.fine_tune:
            raise RecipeError(
                "Only a base can be fine-tuned.",
                expected="model.kind=transfer, or training.kind=steps with training.fine_tune=null",
                received=f"model.kind={self.model.kind}",
            )
        if self.solves_head and not _can_be_solved(self.model.model_dump()):
            raise RecipeError(
                "Only a linear head on stored features can be solved.",
                expected="model.kind=transfer with model.frozen=features and model.dense=[]",
                received=f"training.kind={self.training.kind} for another model",
                remedy="training.kind=steps",
            )
        return self

    def changed(self, settings: Mapping[str, Any]) -> "Recipe":
        """The recipe with these settings, by dotted key: `{"training.epochs": 3}`.

        A part may be given as a mapping, whole or in pieces, and a union as the name of a kind:
        `{"training.schedule": "cosine"}`. Another `model.kind` starts from that network's defaults;
        another kind of anything in `training`, or of `training` itself, keeps the values of the
        keys that both kinds have. A model that does not allow them ends the stages of the training,
        or turns a solved head into a training by steps.

        Raises:
            RecipeError: A key is unknown, and the message names the nearest; or a value is
                impossible.
        """
        of_model = {
            key: value for key, value in settings.items() if key.partition(".")[0] == "model"
        }
        others = {key: value for key, value in settings.items() if key not in of_model}
        tree = laid_over(Recipe, self.model_dump(), of_model)
        tree = laid_over(Recipe, tree, _suited_to_model(tree))
        tree = laid_over(Recipe, tree, others)
        try:
            return Recipe.model_validate(tree)
        except ValidationError as error:
            raise refused(Recipe, error) from error

    def resolved(self, size: Size | None, color: Color) -> "Recipe":
        """The recipe with this input size (if any) and colour, where they are null."""
        settings = {"size": self.input.size or size, "color": self.input.color or color}
        return self.model_copy(update={"input": self.input.model_copy(update=settings)})

    def resolved_by_base(self) -> "Recipe":
        """The recipe with its base, and the size and colour that the base takes, where null.

        Without a base the recipe is unchanged. Where a base takes any size, the size stays null.

        Raises:
            RecipeError: The base takes pictures of another size or colour.
            UsageError: The base is of KerasHub, which is not installed.
            DataError: The base's file is missing or damaged.
        """
        if not isinstance(self.model, Transfer):
            return self
        takes = _require_fit(self.model, self.input.size, self.input.color)
        named = self.model_copy(
            update={"model": self.model.model_copy(update={"base": self.model.base_name})}
        )
        return named.resolved(takes.size, takes.color)

    @property
    def steps(self) -> Steps:
        """The settings of the training by steps: of the second phase, where a head is solved first.

        Raises:
            RecipeError: A head is solved, and nothing is trained by steps.
        """
        if isinstance(self.training, SolveThenTune):
            return second_phase(self.training, self.training.fine_tune)
        if isinstance(self.training, Steps):
            return self.training
        raise RecipeError(
            "A solved head is not trained by steps.",
            expected="training.kind=steps",
            received=f"training.kind={self.training.kind}",
        )

    @property
    def second_phase(self) -> "Recipe":
        """The recipe of the phase in which the top of the base trains too.

        Raises:
            RecipeError: There is no such phase.
        """
        training = self.training
        if isinstance(training, Solve) or training.fine_tune is None:
            raise RecipeError("The recipe has no second phase.", expected="training.fine_tune")
        second = second_phase(training, training.fine_tune)
        return self.model_copy(update={"training": second})

    @property
    def on_features(self) -> Transfer | None:
        """The settings of the model, where its head is fitted on stored features."""
        model = self.model
        return model if isinstance(model, Transfer) and model.frozen == "features" else None

    @property
    def solves_head(self) -> bool:
        """Whether the head is linear, and solved on stored features."""
        return isinstance(self.training, Solve | SolveThenTune)

    @property
    def chooses_on_folds(self) -> bool:
        """Whether folds of the training pictures choose, and validation pictures do not."""
        return isinstance(self.training, Solve)

    @property
    def preprocessing(self) -> Preprocessing:
        """From a picture to this recipe's model; `input.size` and `input.color` must be set.

        Raises:
            RecipeError: They are not.
        """
        if self.input.size is None or self.input.color is None:
            raise RecipeError("The recipe has no input size yet; `resolved` gives it one.")
        height, width = self.input.size
        return Preprocessing(
            height=height,
            width=width,
            color=self.input.color,
            resize=self.input.resize,
            isolate=self.input.isolate,
            zoom=self.input.zoom,
        )

    @property
    def training_preprocessing(self) -> Preprocessing:
        """For training pictures: larger by the headroom, where augmentation moves pixels."""
        at_input = self.preprocessing
        if not self.training.plan.moves_pixels:
            return at_input
        sides = {"height": at_input.height, "width": at_input.width}
        scaled = {name: round(side * self.input.headroom) for name, side in sides.items()}
        return at_input.model_copy(update=scaled)

    @property
    def epoch_sizes(self) -> list[Size]:
        """The (height, width) at which each epoch trains; `input.size` must be set."""
        height, width, _ = self.preprocessing.shape
        return epoch_sizes(self.steps.stages, self.steps.epochs, (height, width))

    def to_yaml(self) -> str:
        """The recipe as YAML, in the order of its fields."""
        tree = self.model_dump(mode="json")
        # PyYAML takes U+0085 for a line break of its own, and adds spaces to it, unless escaped.
        plain = "\x85" not in self.name + self.summary
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=plain)


def _suited_to_model(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The changes to the training that the model makes necessary."""
    model, training = tree["model"], tree["training"]
    network: Any = records_of(Recipe.model_fields["model"])[model["kind"]]
    if training["kind"] != "steps":
        return {} if _can_be_solved(model) else {"training.kind": "steps"}
    return {"training.stages": ()} if training["stages"] and not network.any_size else {}


def _can_be_solved(model: Mapping[str, Any]) -> bool:
    """Whether these are the settings of a linear head on stored features."""
    return model["kind"] == "transfer" and model["frozen"] == "features" and not model["dense"]


def _require_effect(model: Transfer, training: Steps | Solve | SolveThenTune) -> None:
    """Raise where a setting of the model or the training has no effect beside the other."""
    if model.frozen != "features":
        return
    varies, has_views = bool(training.plan.operations), model.views > 1
    if has_views and not varies:
        raise RecipeError(
            "Views are variations of the pictures, and there is no augmentation.",
            expected="training.augment as well, or model.views=1",
            received=f"model.views={model.views}, training.augment=none",
        )
    if training.fine_tune:  # which augments and blends pictures, without views
        return
    in_graph = "model.frozen=graph runs the base anew in every step"
    if varies and not has_views:
        raise RecipeError(
            "A head on stored features gets augmented pictures as further views, and has one view.",
            expected="model.views above 1, or training.augment=none",
            received="model.views=1, with an augmentation",
            remedy=f"model.views=4; or {in_graph}",
        )
    if training.mixup:
        raise RecipeError(
            "Stored features are of whole pictures, which training.mixup cannot blend.",
            expected="training.mixup=0",
            received=f"training.mixup={training.mixup:g}",
            remedy=in_graph,
        )
    for name in ("dropout", "l2") if isinstance(training, Solve) else ():
        given, default = getattr(model, name), Transfer.model_fields[name].default
        if given != default:
            raise RecipeError(
                f"A solved head chooses its L2 penalty on folds: model.{name} has no effect.",
                expected=f"model.{name}={default:g}, the default",
                received=f"{given:g}",
                remedy="model.dense=[128] trains by steps",
            )


def _require_fit(model: Transfer, size: Size | None, color: Color | None) -> Takes:
    """What the base takes; raise where this input is another."""
    label, takes = model.built_on.label, model.built_on.takes()
    if color not in (None, takes.color):
        raise RecipeError(
            f"{label} takes {'gray' if takes.color == 'gray' else 'colour'} pictures.",
            expected=f"input.color={takes.color}, to which all pictures are converted",
            received=f"input.color={color}",
        )
    if size and takes.size and takes.is_fixed and size != takes.size:
        height, width = takes.size
        raise RecipeError(
            f"{label} takes pictures of one size only.",
            expected=f"input.size=null, or [{height}, {width}]",
            received=f"[{size[0]}, {size[1]}]",
        )
    return takes
