"""Optimizer, learning-rate schedule and loss: alternatives, each with its own settings.

Records that share a setting give it the same name, so that a change of kind keeps its value.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from viewfinder.recipe.record import KIND_ALONE, Alternative, Count, Fraction, Penalty


class _Optimizer(Alternative):
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    """Highest learning rate."""

    weight_decay: Penalty = 0.0
    """Share of each kernel that a step subtracts, times the learning rate. It is apart from the
    gradient (Loshchilov and Hutter 2019, arXiv:1711.05101); biases and norms do not decay."""


class Adam(_Optimizer):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980)."""

    kind: Literal["adam"] = "adam"


class AdamW(_Optimizer):
    """Adam under the name that it has in Keras with weight decay."""

    kind: Literal["adamw"] = "adamw"


class Muon(_Optimizer):
    """Orthogonalized steps for kernels; AdamW for biases, norms and the last layer.

    Source: K. Jordan and others, 2024; see :class:`viewfinder.training.muon.Muon`.
    """

    kind: Literal["muon"] = "muon"


class RMSprop(_Optimizer):
    """RMSprop, as in Keras."""

    kind: Literal["rmsprop"] = "rmsprop"


class SGD(_Optimizer):
    """Stochastic gradient descent."""

    kind: Literal["sgd"] = "sgd"

    momentum: Fraction = 0.0
    """Nesterov momentum; 0 for none."""


Optimizer = Annotated[Adam | AdamW | Muon | RMSprop | SGD, Field(discriminator="kind"), KIND_ALONE]


class _Warmed(Alternative):
    warmup: Fraction = 0.0
    """Share of the steps in which the learning rate first rises linearly to its highest."""


class Constant(_Warmed):
    """The highest rate throughout."""

    kind: Literal["constant"] = "constant"


class Cosine(_Warmed):
    """Half a cosine, down to a hundredth of the highest rate (arXiv:1608.03983)."""

    kind: Literal["cosine"] = "cosine"


class OneCycle(Alternative):
    """Up from a 25th of the highest rate, then down to nearly 0 (arXiv:1708.07120)."""

    kind: Literal["one-cycle"] = "one-cycle"

    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the steps in which the learning rate rises."""


class StepDecay(_Warmed):
    """Lower by a factor after each so many epochs."""

    kind: Literal["step"] = "step"

    decay_every: Count = 5
    """Epochs between two falls of the learning rate."""

    decay_factor: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """What each fall multiplies the learning rate by."""


class Plateau(_Warmed):
    """Lower by a factor when the validation loss no longer falls."""

    kind: Literal["plateau"] = "plateau"

    decay_every: Count = 5
    """Epochs without a lower validation loss after which the learning rate falls."""

    decay_factor: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """What each fall multiplies the learning rate by."""


Schedule = Annotated[
    Constant | Cosine | OneCycle | StepDecay | Plateau, Field(discriminator="kind"), KIND_ALONE
]


class CrossEntropy(Alternative):
    """Cross-entropy over labels, which may be smoothed."""

    gamma: ClassVar[float] = 0.0

    kind: Literal["crossentropy"] = "crossentropy"

    label_smoothing: Fraction = 0.0
    """Share of each label that is spread over all classes."""


class Focal(Alternative):
    """Focal loss (Lin and others 2017, arXiv:1708.02002): misclassified pictures weigh more."""

    label_smoothing: ClassVar[float] = 0.0

    kind: Literal["focal"] = "focal"

    gamma: Annotated[float, Field(gt=0, le=10)] = 2.0
    """Exponent of the focal factor; larger ones give confident answers less weight."""


Loss = Annotated[CrossEntropy | Focal, Field(discriminator="kind"), KIND_ALONE]
