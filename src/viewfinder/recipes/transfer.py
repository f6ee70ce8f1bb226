"""Recipes over networks that others have trained."""

from viewfinder.bases.settings import Transfer
from viewfinder.recipe import Input, Recipe, Training

# The course's network over InceptionV3, and how it is fitted: the same for both of its datasets.
_INCEPTION = Transfer(
    base="InceptionV3", cut="mixed7", pooling="flatten", dense=(1024,), dropout=0.2, frozen="graph"
)
_OVER_INCEPTION = Training(
    optimizer="rmsprop", learning_rate=1e-4, batch_size=20, epochs=20, augment="course"
)

TRANSFER = (
    Recipe(
        name="transfer",
        summary="A head on a frozen network trained on ImageNet: strong from few pictures.",
        model=Transfer(),
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
