"""Where Keras publishes the ImageNet weights of its networks, without their tops.

Names, addresses and checksums are those in the sources of `keras.applications` (Keras 3.15.1); a
test holds them against it. Keras has none for MobileNet and MobileNetV2.
"""

from dataclasses import dataclass

from viewfinder.bases.catalogue import Network
from viewfinder.core.errors import UsageError

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERNELS = "weights_tf_dim_ordering_tf_kernels"


@dataclass(frozen=True)
class Published:
    """A weights file on the web.

    Attributes:
        name: What Keras calls it on the disk.
        url: Where it is.
        checksum: Its MD5 (32 hexadecimal digits) or SHA-256 (64); None where nobody states it.
    """

    name: str
    url: str
    checksum: str | None = None


def published_weights(network: Network, alpha: float | None, side: int | None = None) -> Published:
    """The ImageNet weights of a base.

    Args:
        network: Without its top.
        alpha: Its width; None is the full one.
        side: The side of the pictures, in pixels. MobileNet and MobileNetV2 have weights for
            several sides; the nearest are chosen, and the larger of two.

    Raises:
        UsageError: There are no weights for this width.
    """
    width = network.width(alpha)
    if width not in network.widths:
        raise UsageError(
            f"{network.name} with alpha {width:g} has no ImageNet weights.",
            expected=f"alpha {', '.join(f'{known:g}' for known in sorted(network.widths))}",
            received=f"alpha {width:g}",
            remedy="one of these, weights of your own (--weights FILE), or none (--weights none)",
        )
    if network.name in _SIDES:
        known = _SIDES[network.name]
        nearest_side = min(known, key=lambda one: (abs(one - (side or network.size)), -one))
        return _mobile(network.name, width, nearest_side)
    if network.name.startswith("MobileNetV3"):
        kind = network.name.removeprefix("MobileNetV3").lower()
        name = f"weights_mobilenet_v3_{kind}_224_{width}_float_no_top_v2.h5"
        return Published(name, f"{_KERAS}/mobilenet_v3/{name}", _MOBILENET_V3[kind, width])
    return _PUBLISHED[network.name]


def all_published(network: Network) -> list[tuple[float, Published]]:
    """All ImageNet weights of a base, each with its width."""
    sides = _SIDES.get(network.name, (network.size,))
    return [
        (width, published_weights(network, width, side))
        for width in network.widths
        for side in sides
    ]


# The sides that there are weights for.
_SIDES = {"MobileNet": (128, 160, 192, 224), "MobileNetV2": (96, 128, 160, 192, 224)}
_TENTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}

_MOBILENET_V3 = {
    ("small", 0.75): "ebdb5cc8e0b497cd13a7c275d475c819",
    ("small", 1.0): "d3e8ec802a04aa4fc771ee12a9a9b836",
    ("large", 0.75): "40af19a13ebea4e2ee0c676887f69a2e",
    ("large", 1.0): "07fb09a5933dd0c8eaafa16978110389",
}


def _mobile(name: str, width: float, side: int) -> Published:
    if name == "MobileNet":
        file = f"mobilenet_{_TENTHS[width]}_{side}_tf_no_top.h5"
        return Published(file, f"{_KERAS}/mobilenet/{file}")
    file = f"mobilenet_v2_{_KERNELS}_{width}_{side}_no_top.h5"
    return Published(file, f"{_KERAS}/mobilenet_v2/{file}")


def _in(folder: str, file: str, checksum: str) -> Published:
    return Published(file, f"{_KERAS}/{folder}/{file}", checksum)


def _efficientnet(kind: str, checksum: str) -> Published:
    file = f"efficientnet{kind}_notop.h5"
    return Published(file, f"https://storage.googleapis.com/keras-applications/{file}", checksum)


def _efficientnet_v2(kind: str, checksum: str) -> Published:
    return _in("efficientnet_v2", f"efficientnetv2-{kind}_notop.h5", checksum)


def _convnext(kind: str, checksum: str) -> Published:
    return _in("convnext", f"convnext_{kind}_notop.h5", checksum)


def _kernels(folder: str, network: str, checksum: str) -> Published:
    return _in(folder, f"{network}_{_KERNELS}_notop.h5", checksum)


def _nasnet(kind: str, checksum: str) -> Published:
    url = f"{_KERAS}/nasnet/NASNet-{kind}-no-top.h5"
    return Published(f"nasnet_{kind}_no_top.h5", url, checksum)


_INCEPTION_RESNET = f"inception_resnet_v2_{_KERNELS}_notop.h5"
_PUBLISHED = {
    "ConvNeXtTiny": _convnext(
        "tiny", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"
    ),
    "ConvNeXtSmall": _convnext(
        "small", "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab"
    ),
    "ConvNeXtBase": _convnext(
        "base", "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45"
    ),
    "ConvNeXtLarge": _convnext(
        "large", "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd"
    ),
    "ConvNeXtXLarge": _convnext(
        "xlarge", "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05"
    ),
    "DenseNet121": _kernels("densenet", "densenet121", "30ee3e1110167f948a6b9946edeeb738"),
    "DenseNet169": _kernels("densenet", "densenet169", "b8c4d4c20dd625c148057b9ff1c1176b"),
    "DenseNet201": _kernels("densenet", "densenet201", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    "EfficientNetB0": _efficientnet("b0", "50bc09e76180e00e4465e1a485ddc09d"),
    "EfficientNetB1": _efficientnet("b1", "74c4e6b3e1f6a1eea24c589628592432"),
    "EfficientNetB2": _efficientnet("b2", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "EfficientNetB3": _efficientnet("b3", "af6d107764bb5b1abb91932881670226"),
    "EfficientNetB4": _efficientnet("b4", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "EfficientNetB5": _efficientnet("b5", "38879255a25d3c92d5e44e04ae6cec6f"),
    "EfficientNetB6": _efficientnet("b6", "9ecce42647a20130c1f39a5d4cb75743"),
    "EfficientNetB7": _efficientnet("b7", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    "EfficientNetV2B0": _efficientnet_v2("b0", "893217f2bb855e2983157299931e43ff"),
    "EfficientNetV2B1": _efficientnet_v2("b1", "0e80663031ca32d657f9caa404b6ec37"),
    "EfficientNetV2B2": _efficientnet_v2("b2", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "EfficientNetV2B3": _efficientnet_v2("b3", "f6abf7b5849ac99a89b50dd3fd532856"),
    "EfficientNetV2S": _efficientnet_v2("s", "af0682fb74e8c54910f2d4393339c070"),
    "EfficientNetV2M": _efficientnet_v2("m", "1b8dc055df72dde80d614482840fe342"),
    "EfficientNetV2L": _efficientnet_v2("l", "b0b66b5c863aef5b46e8608fe1711615"),
    "InceptionResNetV2": Published(
        _INCEPTION_RESNET,
        f"{_KERAS}/inception_resnet_v2/{_INCEPTION_RESNET}",
        "d19885ff4a710c122648d3b5c3b684e4",
    ),
    "InceptionV3": _kernels("inception_v3", "inception_v3", "bcbd6486424b2319ff4ef7d526e38f63"),
    "NASNetMobile": _nasnet("mobile", "1ed92395b5b598bdda52abe5c0dbfd63"),
    "NASNetLarge": _nasnet("large", "d81d89dc07e6e56530c4e77faddd61b5"),
    "ResNet50": _kernels("resnet", "resnet50", "4d473c1dd8becc155b73f8504c6f6626"),
    "ResNet101": _kernels("resnet", "resnet101", "88cf7a10940856eca736dc7b7e228a21"),
    "ResNet152": _kernels("resnet", "resnet152", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "ResNet50V2": _kernels("resnet", "resnet50v2", "fac2f116257151a9d068a22e544a4917"),
    "ResNet101V2": _kernels("resnet", "resnet101v2", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "ResNet152V2": _kernels("resnet", "resnet152v2", "ed17cf2e0169df9d443503ef94b23b33"),
    "VGG16": _kernels("vgg16", "vgg16", "6d6bbae143d832006294945121d1f1fc"),
    "VGG19": _kernels("vgg19", "vgg19", "253f8cb515780f3b799900260a226db6"),
    "Xception": _kernels("xception", "xception", "b0042744bf5b25fce3cb969f33bebb97"),
}
