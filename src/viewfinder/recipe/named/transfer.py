"""Recipes on pretrained networks."""

from viewfinder.recipe import (
    AdamW,
    Cosine,
    CrossEntropy,
    Input,
    Recipe,
    RMSprop,
    Solve,
    SolveThenTune,
    Steps,
)
from viewfinder.recipe.transfer import FineTune, Transfer

_LINEAR = Recipe(
    name="transfer",
    summary="A linear head on a frozen network trained on ImageNet: strong from few pictures.",
    model=Transfer(),
    training=Solve(),
)
"""`viewfinder train DATA/cats_and_dogs_filtered --recipe transfer --alpha 0.35 --weights FILE
--holdout validation`

27 to 32 seconds by the clock; 0.972 (0.960–0.981) of 1,000 photos.
"""

_FINE_TUNED = Recipe(
    name="transfer/fine-tuned",
    summary="A linear head, and then the base’s top trains too: minutes instead of seconds.",
    model=Transfer(),
    training=SolveThenTune(
        optimizer=AdamW(learning_rate=1e-3, weight_decay=0.01),
        schedule=Cosine(warmup=0.1),
        loss=CrossEntropy(label_smoothing=0.1),
        average_epochs=1.0,
        # Strong augmentation needs more than ten epochs, and a mirrored hand or letter may be
        # another sign.
        augment="gentle",
        fine_tune=FineTune(blocks=6, factor=1.0, epochs=10),
    ),
)
"""`viewfinder train sign.dataset --recipe transfer/fine-tuned --alpha 0.35 --weights FILE
--holdout test`

sign_language_digits, a fifth held out: 1.7 minutes; 0.985 (0.969–0.993) of 411 photos.
"""

_INPUT = Input(size=(150, 150), color="rgb", headroom=1.0)
_INCEPTION = Transfer(
    base="InceptionV3", cut="mixed7", pooling="flatten", dense=(1024,), dropout=0.2, frozen="graph"
)
_OVER_INCEPTION = Steps(
    optimizer=RMSprop(learning_rate=1e-4), batch_size=20, epochs=20, augment="course"
)

_CATS_DOGS = Recipe(
    name="course/cats-dogs-inception",
    summary="The course's transfer for cats and dogs: InceptionV3 cut at mixed7, a dense layer.",
    input=_INPUT,
    model=_INCEPTION,
    training=_OVER_INCEPTION,
)
"""Not measured: the weights of InceptionV3 were not available."""

_HORSES_HUMANS = Recipe(
    name="course/horses-humans-inception",
    summary="The course's transfer for horses and humans: InceptionV3 cut at mixed7.",
    input=_INPUT,
    model=_INCEPTION,
    training=_OVER_INCEPTION,
)
"""Not measured: the weights of InceptionV3 were not available."""

TRANSFER = (_LINEAR, _FINE_TUNED, _CATS_DOGS, _HORSES_HUMANS)
