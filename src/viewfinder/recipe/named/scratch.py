"""Viewfinder's own recipes without pretrained weights."""

from viewfinder.recipe import Compact, Input, Recipe, Residual, Training
from viewfinder.recipe.stages import Stage

# Muon with warm-up and cosine, decay, smoothing and averaged weights: together what lets a small
# network train long on few pictures.
_LONG = Training(
    optimizer="muon",
    learning_rate=3e-3,
    schedule="cosine",
    warmup=0.1,
    weight_decay=0.05,
    label_smoothing=0.1,
    average_epochs=1.0,
    precision="auto",
    batch_size=32,
    epochs=120,
    augment="standard",
    # Small pictures teach most of what there is to see, at a quarter of the cost.
    stages=(Stage(size=0.5, epochs=0.4), Stage(size=0.75, epochs=0.35)),
)

SCRATCH = (
    Recipe(
        name="scratch",
        summary="A compact residual network that suits the pictures’ size; no pretrained weights.",
        model=Residual(width=24, dropout=0.1),
        training=_LONG,
    ),
    Recipe(
        name="scratch/small",
        summary="Narrower, a third of the epochs: for a first look, or little time.",
        model=Residual(width=16, dropout=0.1),
        training=_LONG.model_copy(update={"epochs": 40}),
    ),
    Recipe(
        name="scratch/large",
        summary="Wider, deeper, longer: for many pictures, or a GPU.",
        model=Residual(width=32, blocks=(1, 2, 2, 2), dropout=0.2),
        training=_LONG.model_copy(update={"epochs": 200}),
    ),
    Recipe(
        name="tiny",
        summary="Tiny pictures of 28 × 28 or 32 × 32 pixels: drawings, digits, letters.",
        # Such pictures have no more pixels than the model sees: larger ones would only be blurred.
        input=Input(headroom=1.0),
        model=Residual(width=32, dropout=0.1),
        training=_LONG.model_copy(
            update={
                # Muon took hands that it had never seen for others a little more often.
                "optimizer": "adamw",
                "batch_size": 64,
                "epochs": 10,
                "augment": "gentle",
                "stages": (),
            }
        ),
    ),
    Recipe(
        name="digits",
        summary="Handwritten digits and other tiny gray drawings, as in the demo.",
        input=Input(color="gray"),
        model=Compact(width=32, dropout=0.2),
        training=Training(optimizer="adam", schedule="cosine", learning_rate=3e-3, epochs=20),
    ),
)
