"""How a recipe's model is fitted: by steps, a head that is solved, or one after the other."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from viewfinder.augment import Plan, policy
from viewfinder.core.errors import RecipeError
from viewfinder.recipe.optimizing import (
    Adam,
    Constant,
    CrossEntropy,
    Loss,
    Optimizer,
    Plateau,
    Schedule,
    StepDecay,
)
from viewfinder.recipe.record import KIND_ALONE, Alternative, Count, Penalty
from viewfinder.recipe.stages import Stage, epoch_sizes
from viewfinder.recipe.stopping import Stopping
from viewfinder.recipe.transfer import FineTune


def _known_policy(name: str) -> str:
    policy(name)
    return name


class _Fit(Alternative):
    """The settings of every fit."""

    augment: Annotated[str, AfterValidator(_known_policy)] | Plan = "none"
    """none, course, gentle, standard or strong, or a plan of operations. The names are policies of
    `viewfinder.augment.POLICIES`."""

    deterministic: bool = False
    """Whether the backend may use only operations that repeat bit by bit. On a CPU all do."""

    @property
    def plan(self) -> Plan:
        """The augmentation of training pictures."""
        return policy(self.augment) if isinstance(self.augment, str) else self.augment

    @property
    def variations(self) -> list[str]:
        """What is done to training pictures only, a line each; often nothing."""
        return self.plan.describe() if self.plan.operations else []


class Solve(_Fit):
    """A linear head on stored features, solved at once, its L2 penalty chosen on folds.

    `augment` varies the further views of `model.views`.
    """

    # Constants for readers of any kind of fit.
    fine_tune: ClassVar[None] = None
    mixup: ClassVar[float] = 0.0
    precision: ClassVar[Literal["float32"]] = "float32"
    stop: ClassVar[Stopping] = Stopping()

    kind: Literal["solve"] = "solve"


class _InSteps(_Fit):
    """The settings of a fit by gradient steps."""

    optimizer: Optimizer = Adam()
    """Optimizer, with learning rate and weight decay."""

    schedule: Schedule = Constant()
    """Learning rate over the steps, as a factor of the highest."""

    loss: Loss = CrossEntropy()
    """What the steps minimize."""

    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of a step's gradient, all weights together; null for any."""

    accumulate: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Batches whose gradients are averaged for a step of the optimizer."""

    average_epochs: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Window of an exponential moving average of the weights, in epochs; 0 for none. The averaged
    model is validated, kept and served."""

    balance: Literal["none", "weights", "sampling"] = "none"
    """For classes of uneven size: rare pictures weigh more, or come more often."""

    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """What is computed in; weights and the saved model stay float32. "auto" is mixed_bfloat16 on
    GPUs and CPUs with units for it, and float32 elsewhere, where half precision is slower."""

    batch_size: Count = 32
    """Pictures in a batch."""

    mixup: Penalty = 0.0
    """Share of the training pictures blended with another of their batch, and their labels with it
    (Zhang and others 2018, arXiv:1710.09412)."""

    stop: Stopping = Stopping()
    """What ends the training before its last epoch."""

    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0
    """Longest time between two checkpoints, in minutes; 0 for one after every batch. Each epoch
    ends with one in any case."""

    @property
    @override
    def variations(self) -> list[str]:
        lines = super().variations
        if not self.mixup:
            return lines
        share = f"{100 * self.mixup:g} %"
        return [*lines, f"blends {share} with another of their batch, and their labels"]

    def _require_effect(self, epochs: int) -> None:
        """Raise where a setting can have no effect in `epochs` epochs."""
        schedule = self.schedule
        if isinstance(schedule, StepDecay | Plateau):
            _require_at_most(
                "training.schedule.decay_every",
                schedule.decay_every,
                epochs - 1,
                f"With training.schedule.kind={schedule.kind} the learning rate would never fall.",
            )
        _require_at_most(
            "training.stop.hold",
            self.stop.hold,
            epochs,
            "The target could not hold for so many epochs.",
        )
        _require_at_most(
            "training.average_epochs",
            self.average_epochs,
            epochs,
            "The average would consist mostly of the first, untrained weights.",
        )


def _require_at_most(key: str, value: float, most: int, fact: str) -> None:
    if value > most:
        raise RecipeError(
            fact,
            expected=f"{key} of at most {most}, or more epochs",
            received=f"{value:g}",
        )


class Steps(_InSteps):
    """A fit by gradient steps: of a whole network, or of a head on a frozen base."""

    kind: Literal["steps"] = "steps"

    epochs: Count = 10
    """Passes over the training pictures."""

    stages: tuple[Stage, ...] = ()
    """Epochs at other sizes before those at the input's own."""

    fine_tune: FineTune | None = None
    """Second phase, in which the top of the base trains too; null for none."""

    @property
    def comes_to_rest(self) -> bool:
        """Whether the last epochs take ever smaller steps, or average the weights."""
        return not isinstance(self.schedule, Constant) or self.average_epochs > 0

    @model_validator(mode="after")
    def _epochs_suffice(self) -> Self:
        epoch_sizes(self.stages, self.epochs, (1, 1))
        self._require_effect(max(self.epochs, self.fine_tune.epochs if self.fine_tune else 0))
        return self


class SolveThenTune(_InSteps):
    """A linear head that is solved; then the top of the base trains too, by steps.

    All settings but `fine_tune` are those of a fit by steps, and `fine_tune.epochs` counts.
    """

    kind: Literal["solve-then-tune"] = "solve-then-tune"

    fine_tune: FineTune = FineTune()
    """Second phase, in which the top of the base trains too."""

    @model_validator(mode="after")
    def _epochs_suffice(self) -> Self:
        self._require_effect(self.fine_tune.epochs)
        return self


def second_phase(training: Steps | SolveThenTune, tuning: FineTune) -> Steps:
    """The fit that fine-tunes: the settings of `training`, with its own rate and epochs."""
    rate = training.optimizer.learning_rate * tuning.factor
    shared: dict[str, Any] = {
        name: getattr(training, name) for name in _InSteps.model_fields if name != "kind"
    }
    shared["optimizer"] = training.optimizer.model_copy(update={"learning_rate": rate})
    # Not validated: `average_epochs` and others may be larger than this phase's epochs.
    return Steps.model_construct(**shared, epochs=tuning.epochs)


Training = Annotated[Steps | Solve | SolveThenTune, Field(discriminator="kind"), KIND_ALONE]
