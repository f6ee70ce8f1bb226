"""The course's systems with exactly its settings: they show what it shows, overfitting included.

The course's generators resize each picture before they vary it, so there is no headroom. The
letters of sign language end in as many outputs as the data has letters, 24; the course has two
unused ones. Each epoch sees every picture, where the course's counts of steps skip a few (three of
1,027 horses and humans). Where the course stops at a target, so does the recipe.

Unless another command stands below a recipe, it is `viewfinder train DATA --recipe NAME`.
"""

from viewfinder.recipe import Adam, ConvStack, Dense, Input, Recipe, RMSprop, Steps
from viewfinder.recipe.stopping import Stopping

_GRAY = Input(size=(28, 28), color="gray", headroom=1.0)
_PHOTOS = Input(size=(150, 150), color="rgb", headroom=1.0)
_LARGE_PHOTOS = Input(size=(300, 300), color="rgb", headroom=1.0)
_FAST, _SLOW = RMSprop(learning_rate=1e-3), RMSprop(learning_rate=1e-4)

_FASHION_DENSE = Recipe(
    name="course/fashion-dense",
    summary="Fashion-MNIST without a convolution: flatten, dense 512, softmax.",
    input=_GRAY,
    model=Dense(dense=(512,)),
    training=Steps(optimizer=Adam(), epochs=10),
)
"""Fashion-MNIST: 1.0 minutes; 0.880 (0.874–0.886) of the test split's 10,000 pictures."""

_FASHION_CNN = Recipe(
    name="course/fashion-cnn",
    summary="Fashion-MNIST with two convolutions of 64 filters.",
    input=_GRAY,
    model=ConvStack(filters=(64, 64), dense=(128,)),
    training=Steps(optimizer=Adam(), epochs=5),
)
"""Fashion-MNIST: 1.7 minutes; 0.903 (0.897–0.909) of the test split's 10,000 pictures."""

_MNIST = Recipe(
    name="course/mnist",
    summary="Handwritten digits with one convolution.",
    input=_GRAY,
    model=ConvStack(filters=(32,), dense=(128,)),
    training=Steps(optimizer=Adam(), epochs=10, stop=Stopping(target="accuracy=0.998")),
)
"""MNIST: 1.6 minutes; 0.986 (0.984–0.988) of the test split's 10,000 digits."""

_MNIST_DENSE = Recipe(
    name="course/mnist-dense",
    summary="Handwritten digits without a convolution: flatten, dense 512, softmax.",
    input=_GRAY,
    model=Dense(dense=(512,)),
    training=Steps(optimizer=Adam(), epochs=10, stop=Stopping(target="accuracy=0.99")),
)
"""MNIST: 0.9 minutes; 0.978 (0.975–0.981) of the test split's 10,000 digits."""

_HORSES_HUMANS = Recipe(
    name="course/horses-humans",
    summary="Horses and humans at 300 × 300 with five convolutions.",
    input=_LARGE_PHOTOS,
    model=ConvStack(filters=(16, 32, 64, 64, 64), dense=(512,)),
    training=Steps(optimizer=_FAST, batch_size=128, epochs=15),
)
"""horse_or_human, `--holdout validation`: 3.0 minutes; 0.852 (0.803–0.890) of 256 pictures."""

_HORSES_HUMANS_AUGMENTED = Recipe(
    name="course/horses-humans-augmented",
    summary="The same network for horses and humans, slow and augmented.",
    input=_LARGE_PHOTOS,
    model=ConvStack(filters=(16, 32, 64, 64, 64), dense=(512,)),
    training=Steps(optimizer=_SLOW, batch_size=128, epochs=100, augment="course"),
)
"""Not measured yet."""

_HAPPY_SAD = Recipe(
    name="course/happy-sad",
    summary="80 drawn faces, to be trained above 0.999.",
    input=_PHOTOS,
    model=ConvStack(filters=(16, 32, 32), dense=(512,)),
    training=Steps(
        optimizer=_FAST, batch_size=10, epochs=15, stop=Stopping(target="accuracy=0.999")
    ),
)
"""happy_or_sad, `--folds 5`: 0.7 minutes for five runs; 0.975 (0.913–0.993) of 80 pictures."""

_CATS_DOGS = Recipe(
    name="course/cats-dogs",
    summary="The course's first network for cats and dogs: it overfits, as the course shows.",
    input=_PHOTOS,
    model=ConvStack(filters=(16, 32, 64), dense=(512,)),
    training=Steps(optimizer=_FAST, batch_size=20, epochs=15),
)
"""cats_and_dogs_filtered: 4.8 minutes; 0.722 of 1,000 validation photos, which chose the epoch."""

_CATS_DOGS_AUGMENTED = Recipe(
    name="course/cats-dogs-augmented",
    summary="A wider network for cats and dogs, slow and augmented: it overfits later.",
    input=_PHOTOS,
    model=ConvStack(filters=(32, 64, 128, 128), dense=(512,)),
    training=Steps(optimizer=_SLOW, batch_size=20, epochs=100, augment="course"),
)
"""cats_and_dogs_filtered, `--holdout validation`: 21.4 minutes; 0.789 (0.763–0.813) of 1,000."""

_ROCK_PAPER_SCISSORS = Recipe(
    name="course/rock-paper-scissors",
    summary="Three classes of hands, with dropout and augmentation.",
    input=_PHOTOS,
    model=ConvStack(filters=(64, 64, 128, 128), dense=(512,), dropout=0.5),
    training=Steps(optimizer=_FAST, batch_size=126, epochs=25, augment="course"),
)
"""rock_paper_scissors_28 enlarged to 150 pixels, `--holdout test`: 9.8 minutes; 0.922 (0.890–0.945)
of 372 pictures.
"""

_SIGN_LANGUAGE = Recipe(
    name="course/sign-language",
    summary="24 letters of sign language from a CSV of pixels, augmented.",
    input=_GRAY,
    model=ConvStack(filters=(64, 64), dense=(128,)),
    training=Steps(optimizer=_FAST, batch_size=32, epochs=15, augment="course"),
)
"""On another dataset, sign_language_digits, a fifth held out, `--holdout test`: 0.3 minutes; 0.397
(0.350–0.445) of 411 photos: it underfits.
"""

COURSE = (
    _FASHION_DENSE,
    _FASHION_CNN,
    _MNIST,
    _MNIST_DENSE,
    _HORSES_HUMANS,
    _HORSES_HUMANS_AUGMENTED,
    _HAPPY_SAD,
    _CATS_DOGS,
    _CATS_DOGS_AUGMENTED,
    _ROCK_PAPER_SCISSORS,
    _SIGN_LANGUAGE,
)
