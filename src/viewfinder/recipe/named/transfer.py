"""Recipes over networks that others have trained."""

from viewfinder.recipe import Input, Recipe, Training
from viewfinder.recipe.transfer import FineTune, Transfer

# The course's network over InceptionV3, and how it is fitted: the same for both of its datasets.
_INCEPTION = Transfer(
    base="InceptionV3", cut="mixed7", pooling="flatten", dense=(1024,), dropout=0.2, frozen="graph"
)
_OVER_INCEPTION = Training(
    optimizer="rmsprop", learning_rate=1e-4, batch_size=20, epochs=20, augment="course"
)

# The head is solved for; the rate is what fine-tuning takes its share of.
_FINE_TUNED = Training(
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    warmup=0.1,
    weight_decay=0.01,
    label_smoothing=0.1,
    average_epochs=1.0,
    # Ten epochs want no strong variation, and a mirrored hand or letter may be another sign.
    augment="gentle",
    fine_tune=FineTune(blocks=6, factor=1.0, epochs=10),
)

TRANSFER = (
    Recipe(
        name="transfer",
        summary="A head on a frozen network trained on ImageNet: strong from few pictures.",
        model=Transfer(),
    ),
    Recipe(
        name="transfer/fine-tuned",
        summary="The same, and then the base's top trains too: minutes instead of seconds.",
        model=Transfer(),
        training=_FINE_TUNED,
    ),
    Recipe(
        name="course/cats-dogs-inception",
        summary="The course's transfer: InceptionV3 cut at mixed7, a dense layer, dropout.",
        input=Input(size=(150, 150), color="rgb", headroom=1.0),
        model=_INCEPTION,
        training=_OVER_INCEPTION,
    ),
    Recipe(
        name="course/horses-humans-inception",
        summary="The same for horses and humans.",
        input=Input(size=(150, 150), color="rgb", headroom=1.0),
        model=_INCEPTION,
        training=_OVER_INCEPTION,
    ),
)
