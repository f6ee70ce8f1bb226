"""How a recipe's model is fitted: optimizer, schedule, loss, and what keeps them in bounds."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from viewfinder.augment import Plan, policy
from viewfinder.core.errors import RecipeError
from viewfinder.recipe.record import Count, Fraction, Record
from viewfinder.recipe.stages import Stage, epoch_sizes
from viewfinder.recipe.stopping import Stopping
from viewfinder.recipe.transfer import FineTune

Epochs = Annotated[float, Field(ge=0, le=10_000)]

# Schedules that read `decay_every` and `decay_factor`.
_FALLS_IN_STEPS = ("step", "plateau")


def _known_policy(name: str) -> str:
    policy(name)
    return name


class Training(Record):
    """How the model is fitted.

    Attributes:
        optimizer: The name of the optimizer. "muon" is Adam with weight decay for biases, norms and
            the last layer, and for kernels steps that turn in all directions alike.
        momentum: Of SGD, in Nesterov's form; 0 for none.
        learning_rate: The learning rate, at its highest.
        schedule: How it goes on from there. "constant"; "cosine": down to nearly 0 at the end;
            "one-cycle": up from a 25th of it, then down to nearly 0; "step": times
            `decay_factor` every `decay_every` epochs; "plateau": times `decay_factor` whenever
            the validation loss has not fallen for `decay_every` epochs.
        warmup: The share of the training in which the rate first rises evenly to its height;
            under "one-cycle" the share of its own rise, where this is not 0.
        decay_every: For "step" and "plateau", in epochs.
        decay_factor: For "step" and "plateau".
        weight_decay: What each step takes off the kernels, times the learning rate, apart from
            the gradient (Loshchilov and Hutter 2019, arXiv:1711.05101). Biases and norms are free.
        clip_norm: The longest that a step's gradient may be, all weights together; None: any.
        accumulate: Batches whose gradients are averaged for a step of the optimizer.
        average_epochs: The window of an exponential moving average over the weights, in epochs.
            The averaged model is what is validated, kept and served. 0 for none.
        loss: "cross-entropy", or "focal" (Lin and others 2017, arXiv:1708.02002), which turns
            to the pictures that are still wrong.
        focal_gamma: How strongly it does.
        label_smoothing: The share of each label that is spread over all classes.
        balance: For classes of uneven size. "weights": a picture of a rare class counts for
            more. "sampling": it comes more often. "none".
        precision: What is computed in; weights stay float32. "auto" is mixed_bfloat16 on
            GPUs and CPUs with units for it, and float32 elsewhere, where half is slower.
            The model that is saved computes in float32.
        batch_size: Pictures in a batch.
        epochs: Passes over the training pictures.
        augment: The name of an augmentation policy (`viewfinder.augment.POLICIES`), or the
            settings of a plan of one's own.
        mixup: The share of the training pictures that are blended with another of their batch, and
            their labels with it (Zhang and others 2018, arXiv:1710.09412).
        fine_tune: A second phase that trains the top of the base too; None for no such phase.
        stages: Epochs at other sizes before those at the input's own.
        stop: What ends the training before its last epoch.
        checkpoint_minutes: A checkpoint is written at each epoch's end, and at the latest so
            long after the last one; 0 for one after every batch.
        deterministic: Whether the backend is to use none but operations that repeat bit by bit;
            on a CPU they do so in any case.
    """

    optimizer: Literal["rmsprop", "adam", "adamw", "muon", "sgd"] = "adam"
    momentum: Fraction = 0.0
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    schedule: Literal["constant", "cosine", "one-cycle", "step", "plateau"] = "constant"
    warmup: Fraction = 0.0
    decay_every: Count = 5
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = 0.3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    accumulate: Annotated[int, Field(ge=1, le=10_000)] = 1
    average_epochs: Epochs = 0.0
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    label_smoothing: Fraction = 0.0
    balance: Literal["none", "weights", "sampling"] = "none"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    batch_size: Count = 32
    epochs: Count = 10
    augment: Annotated[str, AfterValidator(_known_policy)] | Plan = "none"
    mixup: Annotated[float, Field(ge=0, le=1)] = 0.0
    fine_tune: FineTune | None = None
    stages: tuple[Stage, ...] = ()
    stop: Stopping = Stopping()
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0
    deterministic: bool = False

    @model_validator(mode="after")
    def _stages_leave_an_epoch(self) -> Self:
        epoch_sizes(self.stages, self.epochs, (1, 1))
        return self

    @property
    def plan(self) -> Plan:
        """How training pictures are varied."""
        return policy(self.augment) if isinstance(self.augment, str) else self.augment

    @property
    def variations(self) -> list[str]:
        """What is done to training pictures only, a line each, in plain words; often nothing."""
        lines = self.plan.describe() if self.plan.operations else []
        if self.mixup:
            lines.append(
                f"blends {100 * self.mixup:g} % with another of their batch, and their labels"
            )
        return lines

    @property
    def comes_to_rest(self) -> bool:
        """Whether the last epochs take ever smaller steps, or average them."""
        return self.schedule != "constant" or self.average_epochs > 0

    @model_validator(mode="after")
    def _can_be_together(self) -> Self:
        """Refuse settings of which one would silently do nothing, or undo the other."""
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(
                f"training.momentum is of sgd; {self.optimizer} has its own: set it to 0, "
                "or training.optimizer to sgd"
            )
        if self.schedule == "step" and self.decay_every >= self._longest:
            raise ValueError(
                f"with training.schedule=step the rate never falls: training.decay_every is "
                f"{self.decay_every}, and there are {self._longest} epochs"
            )
        if self.loss == "focal" and self.label_smoothing:
            raise ValueError(
                "training.label_smoothing keeps sure answers in the loss, and training.loss=focal "
                "takes them out: choose one"
            )
        return self

    @property
    def _longest(self) -> int:
        """The epochs of the longer phase."""
        return max(self.epochs, self.fine_tune.epochs if self.fine_tune else 0)

    def require_no_idle_settings(self) -> None:
        """Raise where a setting was given that nothing reads, or that could never act.

        Raises:
            RecipeError: It is named, and what would read it.
        """
        falls, in_steps = self.schedule in _FALLS_IN_STEPS, "training.schedule=step or plateau"
        readers = {
            "decay_every": (falls, self.decay_every, in_steps),
            "decay_factor": (falls, self.decay_factor, in_steps),
            "focal_gamma": (self.loss == "focal", self.focal_gamma, "training.loss=focal"),
            "stop.hold": (self.stop.target is not None, self.stop.hold, "--target"),
        }
        usual = dict(Training.model_fields) | {"stop.hold": Stopping.model_fields["hold"]}
        for name, (is_read, given, reader) in readers.items():
            if not is_read and given != usual[name].default:
                raise RecipeError(
                    f"Nothing reads training.{name}.",
                    expected=f"{reader}, or training.{name} left as it is",
                    received=f"training.{name}={given:g}",
                )
        longest = self._longest
        limits = {
            "stop.hold": (self.stop.hold, longest, "The target could never be held for so long."),
            "decay_every": (
                self.decay_every if self.schedule == "plateau" else 0,
                longest - 1,
                "With training.schedule=plateau the rate never falls.",
            ),
            "average_epochs": (
                self.average_epochs,
                longest,
                "The average would be of the first weights, which have learnt nothing.",
            ),
        }
        for name, (given, most, fact) in limits.items():
            if given > most:
                raise RecipeError(
                    fact,
                    expected=f"training.{name} of at most {most}, with {longest} epochs",
                    received=f"{given:g}",
                )
