"""Viewfinder's own recipes without pretrained weights."""

from viewfinder.recipe import (
    Adam,
    AdamW,
    Compact,
    Cosine,
    CrossEntropy,
    Input,
    Muon,
    Recipe,
    Residual,
    Steps,
)
from viewfinder.recipe.stages import Stage

# Together these let a small network train for many epochs on few pictures.
_LONG = Steps(
    optimizer=Muon(learning_rate=3e-3, weight_decay=0.05),
    schedule=Cosine(warmup=0.1),
    loss=CrossEntropy(label_smoothing=0.1),
    average_epochs=1.0,
    precision="auto",
    batch_size=32,
    epochs=120,
    augment="standard",
    # Small pictures teach most, at a quarter of the cost.
    stages=(Stage(size=0.5, epochs=0.4), Stage(size=0.75, epochs=0.35)),
)

_SCRATCH = Recipe(
    name="scratch",
    summary="A residual network that suits the pictures’ size; no pretrained weights.",
    model=Residual(width=24, dropout=0.1),
    training=_LONG,
)
"""`viewfinder train DATA/cats_and_dogs_filtered --recipe scratch --holdout validation`

14.5 minutes; 0.894 (0.873–0.912) of 1,000 photos.
"""

_SMALL = Recipe(
    name="scratch/small",
    summary="Narrower, a third of the epochs: for a first look, or little time.",
    model=Residual(width=16, dropout=0.1),
    training=_LONG.model_copy(update={"epochs": 40}),
)
"""`viewfinder train sign.dataset --recipe scratch/small --augment gentle --holdout test`

sign_language_digits, a fifth held out: 2.5 minutes; 0.998 (0.986–1.000) of 411 photos.
"""

_LARGE = Recipe(
    name="scratch/large",
    summary="Wider, deeper, longer: for many pictures, or a GPU.",
    model=Residual(width=32, blocks=(1, 2, 2, 2), dropout=0.2),
    training=_LONG.model_copy(update={"epochs": 200}),
)
"""Not measured."""

_TINY = Recipe(
    name="tiny",
    summary="Pictures of 28 × 28 or 32 × 32 pixels: drawings, digits, letters.",
    # Such pictures have no more pixels than the model sees: larger ones would only be blurred.
    input=Input(headroom=1.0),
    model=Residual(width=32, dropout=0.1),
    training=_LONG.model_copy(
        update={
            # By Muon, slightly fewer pictures of new hands were right: see docs/development.
            "optimizer": AdamW(learning_rate=3e-3, weight_decay=0.05),
            "batch_size": 64,
            "epochs": 10,
            "augment": "gentle",
            "stages": (),
        }
    ),
)
"""`viewfinder train DATA/idx/mnist --recipe tiny --set training.optimizer=muon --epochs 14
--holdout test --set data.validation=0.05 --seed 0`

9.4 minutes; 0.9969 (0.996–0.998) of 10,000 digits. The recipe without these settings: not measured.
"""

_DIGITS = Recipe(
    name="digits",
    summary="Handwritten digits and other tiny gray drawings, as in the demo.",
    input=Input(color="gray"),
    model=Compact(width=32, dropout=0.2),
    training=Steps(optimizer=Adam(learning_rate=3e-3), schedule=Cosine(), epochs=20),
)
"""`make demo`: 1,797 digits of 8 × 8 pixels

19 seconds by the clock; 0.994 (0.980–0.998) of 359 digits.
"""

SCRATCH = (_SCRATCH, _SMALL, _LARGE, _TINY, _DIGITS)
