"""The course's systems with exactly its settings: they show what it shows, overfitting included.

Its generators resize each picture before they vary it, so there is no headroom. The letters of
sign language end in as many outputs as the data has letters, 24; the course wastes two. Every
picture is seen in each epoch, where the course's counts of steps leave out a few (three of 1,027
horses and humans). Where it stops at a target, so does the recipe; `--target` sets others.
"""

from viewfinder.recipe import ConvStack, Dense, Input, Recipe, Training
from viewfinder.recipe.stopping import Stopping

_TINY = Input(size=(28, 28), color="gray", headroom=1.0)


def _photos(side: int) -> Input:
    return Input(size=(side, side), color="rgb", headroom=1.0)


COURSE = (
    Recipe(
        name="course/fashion-dense",
        summary="Fashion-MNIST without a convolution: flatten, dense 512, softmax.",
        input=_TINY,
        model=Dense(dense=(512,)),
        training=Training(optimizer="adam", epochs=10),
    ),
    Recipe(
        name="course/fashion-cnn",
        summary="Fashion-MNIST with two convolutions of 64 filters.",
        input=_TINY,
        model=ConvStack(filters=(64, 64), dense=(128,)),
        training=Training(optimizer="adam", epochs=5),
    ),
    Recipe(
        name="course/mnist",
        summary="Handwritten digits with one convolution.",
        input=_TINY,
        model=ConvStack(filters=(32,), dense=(128,)),
        training=Training(optimizer="adam", epochs=10, stop=Stopping(target="accuracy=0.998")),
    ),
    Recipe(
        name="course/horses-humans",
        summary="Horses and humans at 300 × 300 with five convolutions.",
        input=_photos(300),
        model=ConvStack(filters=(16, 32, 64, 64, 64), dense=(512,)),
        training=Training(optimizer="rmsprop", learning_rate=1e-3, batch_size=128, epochs=15),
    ),
    Recipe(
        name="course/happy-sad",
        summary="80 drawn faces, to be trained above 0.999.",
        input=_photos(150),
        model=ConvStack(filters=(16, 32, 32), dense=(512,)),
        training=Training(
            optimizer="rmsprop",
            learning_rate=1e-3,
            batch_size=10,
            epochs=15,
            stop=Stopping(target="accuracy=0.999"),
        ),
    ),
    Recipe(
        name="course/cats-dogs",
        summary="The course's first network for cats and dogs: it overfits, as the course shows.",
        input=_photos(150),
        model=ConvStack(filters=(16, 32, 64), dense=(512,)),
        training=Training(optimizer="rmsprop", learning_rate=1e-3, batch_size=20, epochs=15),
    ),
    Recipe(
        name="course/cats-dogs-augmented",
        summary="A wider network for cats and dogs, slow and augmented: it overfits later.",
        input=_photos(150),
        model=ConvStack(filters=(32, 64, 128, 128), dense=(512,)),
        training=Training(
            optimizer="rmsprop", learning_rate=1e-4, batch_size=20, epochs=100, augment="course"
        ),
    ),
    Recipe(
        name="course/rock-paper-scissors",
        summary="Three classes of hands, with dropout and augmentation.",
        input=_photos(150),
        model=ConvStack(filters=(64, 64, 128, 128), dense=(512,), dropout=0.5),
        training=Training(
            optimizer="rmsprop", learning_rate=1e-3, batch_size=126, epochs=25, augment="course"
        ),
    ),
    Recipe(
        name="course/sign-language",
        summary="24 letters of sign language from a CSV of pixels, augmented.",
        input=_TINY,
        model=ConvStack(filters=(64, 64), dense=(128,)),
        training=Training(
            optimizer="rmsprop", learning_rate=1e-3, batch_size=32, epochs=15, augment="course"
        ),
    ),
)
