"""The classification networks of `keras.applications` (Keras 3.15.1), as records.

Every number here is held against Keras itself by `tests/models/backbones/test_catalogue.py`.
"""

from dataclasses import dataclass
from typing import Literal

from viewfinder.core.errors import UsageError, nearest

# How pixels from 0 to 255 become what a network was trained on:
#   signed    to [-1, 1]                                         Keras calls it "tf"
#   standard  to mean 0 and deviation 1 over ImageNet            "torch"
#   bgr       channels reversed, ImageNet's mean taken away      "caffe"
#   inside    the network's first layers do it
Scaling = Literal["signed", "standard", "bgr", "inside"]

_IN_WORDS = {
    "signed": "pixels scaled to [-1, 1]",
    "standard": "pixels scaled to mean 0 and deviation 1 over ImageNet",
    "bgr": "channels reversed to BGR, ImageNet's mean taken away",
    "inside": "pixels scaled by the network's own first layers",
}


@dataclass(frozen=True)
class Network:
    """One network without its top.

    Attributes:
        name: As `keras.applications` calls it.
        scaling: What its pixels go through first.
        size: The side, in pixels, that its ImageNet weights were trained at.
        least_size: The smallest side that it takes.
        widths: Its parameters (trainable or not, without the top) by `alpha`, the factor on the
            width of its layers; those that ImageNet weights are published for. A network without
            such a factor has 1.0 only.
    """

    name: str
    scaling: Scaling
    size: int
    least_size: int
    widths: dict[float, int]

    @property
    def has_alpha(self) -> bool:
        """Whether its width can be chosen."""
        return len(self.widths) > 1

    @property
    def scaling_in_words(self) -> str:
        """What its pixels go through first, for people."""
        return _IN_WORDS[self.scaling]

    def width(self, alpha: float | None) -> float:
        """The `alpha` that is meant; None is the full width.

        Raises:
            UsageError: This network has no such factor, or it is not above 0.
        """
        if alpha is not None and not self.has_alpha and alpha != 1.0:
            scalable = [base.name for base in BASES.values() if base.has_alpha]
            raise UsageError(
                f"{self.name} has one width only.",
                expected=f"no alpha, or a base that has one: {', '.join(scalable)}",
                received=f"alpha {alpha:g}",
            )
        if alpha is not None and not 0 < alpha <= 4:
            raise UsageError(
                "A base cannot have this width.",
                expected="an alpha above 0 and up to 4",
                received=f"alpha {alpha:g}",
            )
        return 1.0 if alpha is None else float(alpha)


def network_named(name: str) -> Network:
    """The network of this name.

    Raises:
        UsageError: There is none; the message has the nearest one.
    """
    if name not in BASES:
        by_letters = {known.lower(): known for known in BASES}
        remedy = nearest(by_letters.get(name.lower(), name), BASES)
        raise UsageError(f"There is no base {name!r}.", remedy=remedy)
    return BASES[name]


def bases_with(parameters: int) -> list[tuple[str, float]]:
    """The bases and widths that have exactly so many parameters without their top."""
    return [
        (base.name, alpha)
        for base in BASES.values()
        for alpha, count in base.widths.items()
        if count == parameters
    ]


_ALL = (
    Network("ConvNeXtTiny", "inside", 224, 32, {1.0: 27_820_128}),
    Network("ConvNeXtSmall", "inside", 224, 32, {1.0: 49_454_688}),
    Network("ConvNeXtBase", "inside", 224, 32, {1.0: 87_566_464}),
    Network("ConvNeXtLarge", "inside", 224, 32, {1.0: 196_230_336}),
    Network("ConvNeXtXLarge", "inside", 224, 32, {1.0: 348_147_968}),
    Network("DenseNet121", "standard", 224, 32, {1.0: 7_037_504}),
    Network("DenseNet169", "standard", 224, 32, {1.0: 12_642_880}),
    Network("DenseNet201", "standard", 224, 32, {1.0: 18_321_984}),
    Network("EfficientNetB0", "inside", 224, 32, {1.0: 4_049_571}),
    Network("EfficientNetB1", "inside", 240, 32, {1.0: 6_575_239}),
    Network("EfficientNetB2", "inside", 260, 32, {1.0: 7_768_569}),
    Network("EfficientNetB3", "inside", 300, 32, {1.0: 10_783_535}),
    Network("EfficientNetB4", "inside", 380, 32, {1.0: 17_673_823}),
    Network("EfficientNetB5", "inside", 456, 32, {1.0: 28_513_527}),
    Network("EfficientNetB6", "inside", 528, 32, {1.0: 40_960_143}),
    Network("EfficientNetB7", "inside", 600, 32, {1.0: 64_097_687}),
    Network("EfficientNetV2B0", "inside", 224, 32, {1.0: 5_919_312}),
    Network("EfficientNetV2B1", "inside", 240, 32, {1.0: 6_931_124}),
    Network("EfficientNetV2B2", "inside", 260, 32, {1.0: 8_769_374}),
    Network("EfficientNetV2B3", "inside", 300, 32, {1.0: 12_930_622}),
    Network("EfficientNetV2S", "inside", 384, 32, {1.0: 20_331_360}),
    Network("EfficientNetV2M", "inside", 480, 32, {1.0: 53_150_388}),
    Network("EfficientNetV2L", "inside", 480, 32, {1.0: 117_746_848}),
    Network("InceptionResNetV2", "signed", 299, 75, {1.0: 54_336_736}),
    Network("InceptionV3", "signed", 299, 75, {1.0: 21_802_784}),
    Network(
        "MobileNet",
        "signed",
        224,
        32,
        {0.25: 218_544, 0.5: 829_536, 0.75: 1_832_976, 1.0: 3_228_864},
    ),
    Network(
        "MobileNetV2",
        "signed",
        224,
        32,
        {
            0.35: 410_208,
            0.5: 706_224,
            0.75: 1_382_064,
            1.0: 2_257_984,
            1.3: 3_766_048,
            1.4: 4_363_712,
        },
    ),
    Network("MobileNetV3Small", "inside", 224, 32, {0.75: 583_160, 1.0: 939_120}),
    Network("MobileNetV3Large", "inside", 224, 32, {0.75: 1_808_736, 1.0: 2_996_352}),
    Network("NASNetMobile", "signed", 224, 32, {1.0: 4_269_716}),
    Network("NASNetLarge", "signed", 331, 32, {1.0: 84_916_818}),
    Network("ResNet50", "bgr", 224, 32, {1.0: 23_587_712}),
    Network("ResNet101", "bgr", 224, 32, {1.0: 42_658_176}),
    Network("ResNet152", "bgr", 224, 32, {1.0: 58_370_944}),
    Network("ResNet50V2", "signed", 224, 32, {1.0: 23_564_800}),
    Network("ResNet101V2", "signed", 224, 32, {1.0: 42_626_560}),
    Network("ResNet152V2", "signed", 224, 32, {1.0: 58_331_648}),
    Network("VGG16", "bgr", 224, 32, {1.0: 14_714_688}),
    Network("VGG19", "bgr", 224, 32, {1.0: 20_024_384}),
    Network("Xception", "signed", 299, 71, {1.0: 20_861_480}),
)

BASES = {base.name: base for base in _ALL}
