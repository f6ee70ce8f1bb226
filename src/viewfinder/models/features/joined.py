"""A frozen base and its linear head as one model: in ONNX without Keras, and in Keras.

The joined ONNX graph has the base's nodes, then the head. Its outputs are the probabilities, the
average of the last feature map, and that map. The model of Keras is built from the same base and
the head in that file.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from viewfinder.classifier import Classifier
from viewfinder.classifier.bundle import read_bundle
from viewfinder.classifier.files import EXPORT, FEATURES, LABELS, MODEL, name_model
from viewfinder.core.errors import RunError
from viewfinder.core.files import read_regular, written_whole
from viewfinder.core.progress import Progress
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.logistic import Linear
from viewfinder.run_folder import RunFolder
from viewfinder.runtime.onnx import OnnxModel
from viewfinder.runtime.quantizing import INT8, Agreement

_OUTPUT, _KERNEL, _BIAS = "probability", "probability_kernel", "probability_bias"
# The largest difference of probabilities between Keras and ONNX Runtime.
_TOLERANCE = 1e-4


def write_joined(
    base: BaseExtractor,
    graph: Path,
    head: Linear,
    folder: Path,
    agreement: Agreement | None = None,
) -> None:
    """Write base and head as the `model.onnx` of a run, and `model.txt`.

    Args:
        base: The base.
        graph: Its ONNX file, with its features as the first output; the last feature map, if there
            is one, is the second.
        head: The head on its features.
        folder: The run's folder.
        agreement: Of a base in 8 bits, how base and head predict beside those in float32.

    Raises:
        OutputError: The file cannot be written.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    network = onnx.load(graph)
    inner, (rows, *maps) = network.graph, network.graph.output
    for name, values in ((_KERNEL, head.weights), (_BIAS, head.bias)):
        inner.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    width, outputs = head.weights.shape
    last = "Sigmoid" if outputs == 1 else "Softmax"  # over the last axis of two
    inner.node.extend(
        [
            helper.make_node("Gemm", [rows.name, _KERNEL, _BIAS], ["logits"]),
            helper.make_node(last, ["logits"], [_OUTPUT]),
        ]
    )
    channels = width
    if maps:
        _, *axes, channels = (one.dim_value for one in maps[0].type.tensor_type.shape.dim)
        over = [1 + axis for axis in range(len(axes))]
        mean = helper.make_node("ReduceMean", [maps[0].name], [FEATURES], axes=over, keepdims=0)
        inner.node.append(mean)
    else:
        inner.node.append(helper.make_node("Identity", [rows.name], [FEATURES]))
    del inner.output[:]
    for name, length in ((_OUTPUT, outputs), (FEATURES, channels)):
        shape = ["n", length]
        inner.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    inner.output.extend(maps)
    identity = json.dumps(dict(base.identity), sort_keys=True)
    digest = hashlib.blake2b(identity.encode(), digest_size=16)
    digest.update(head.weights.tobytes() + head.bias.tobytes())
    facts = {
        "model": digest.hexdigest(),
        "base": identity,
        "pooling": base.settings.pooling,
    }
    text = _layers(base, width, outputs)
    if agreement:
        facts[INT8], text = agreement.to_json(), f"{text}{agreement.in_words()}\n"
    helper.set_model_props(network, facts)
    with written_whole(folder / EXPORT) as temporary:
        onnx.save(network, temporary)
    RunFolder(folder).write_model_summary(text)


def planned(base: BaseExtractor, graph: Path, outputs: int) -> tuple[str, int]:
    """Return the layers of a base without Keras and its linear head, and the number of weights.

    Args:
        base: The base.
        graph: Its ONNX file.
        outputs: The number of outputs of the head.
    """
    import onnx

    inner = onnx.load(graph).graph
    width = inner.output[0].type.tensor_type.shape.dim[-1].dim_value
    # Constants without a side are those of the scaling, and the limits of ReLU6.
    weights = sum(math.prod(one.dims) for one in inner.initializer if one.dims)
    return _layers(base, width, outputs), weights + (width + 1) * outputs


def _layers(base: BaseExtractor, width: int, outputs: int) -> str:
    pooling = f"{base.settings.pooling}: {width:,} features"
    head = f"{_OUTPUT}: {width:,} × {outputs} weights, {outputs} biases"
    return f"{base.base.label}, frozen\n{pooling}\n{head}\n"


def write_keras(folder: Path) -> None:
    """Write the `best.keras` of a run that has only a joined `model.onnx`.

    Raises:
        RunError: `model.onnx` is damaged, or the base has changed since the training.
        UsageError: The base needs KerasHub, which is not installed.
        DataError: The weights of the base are missing.
    """
    run = RunFolder(folder)
    settings = run.recipe.on_features
    head, facts = _head_in(read_regular(folder / EXPORT), folder / EXPORT)
    assert settings is not None
    base = BaseExtractor.of(run.recipe, settings, Progress(0))
    identity = json.loads(facts.get("base", "{}"))
    in_float32 = {key: value for key, value in identity.items() if key != INT8}
    if {**base.identity, "keras": None} != {**in_float32, "keras": None}:
        raise RunError(
            f"The base of the run {folder} has changed since the training.",
            expected="the same network and weights",
            remedy="train the run again",
        )
    built = base.built  # imports Keras, on the right backend
    from viewfinder.bases.networks.built import LAST_LAYER
    from viewfinder.models.networks.head import model_name
    from viewfinder.models.networks.transfer import with_head
    from viewfinder.runtime.export import require_equal_outputs

    classes = len(run.classes)
    name = model_name(run.recipe.name)
    model = with_head(built, settings.fitted_head, classes, seed=run.recipe.seed, name=name)
    model.get_layer(LAST_LAYER).set_weights([head.weights, head.bias])
    if INT8 not in facts:
        require_equal_outputs(model, folder / EXPORT, None, _TOLERANCE)
    with written_whole(folder / MODEL) as temporary:
        model.save(temporary)
        name_model(temporary, facts["model"])


def head_of(classifier: Classifier) -> Linear | None:
    """Return the linear head of a classifier's `model.onnx`; None where the head is another one.

    Raises:
        RunError: The file has changed since it was opened.
    """
    network = classifier.network
    if not isinstance(network, OnnxModel) or not {"base", "pooling"} <= network.facts.keys():
        return None
    if classifier.bundle:
        path, content = classifier.bundle.path, read_bundle(classifier.bundle.path).files[EXPORT]
    elif classifier.folder:
        path = classifier.folder / EXPORT
        content = read_regular(path)
    else:
        return None
    return _head_in(content, path)[0]


def _head_in(content: bytes, path: Path) -> tuple[Linear, dict[str, str]]:
    """Return the head of a joined graph, and its facts.

    Raises:
        RunError: The file is damaged, or has no such head.
    """
    import onnx
    from onnx import numpy_helper

    try:
        network = onnx.load_from_string(content)
        values = {
            one.name: numpy_helper.to_array(one)
            for one in network.graph.initializer
            if one.name in (_KERNEL, _BIAS)
        }
        head = Linear(values[_KERNEL], values[_BIAS])
    except Exception as error:  # protobuf's errors share no base class with Python's
        raise RunError(
            f"{path} has no linear head from which {MODEL} can be made.",
            expected=f"a file written by `viewfinder train`, beside {LABELS}",
            received=f"{type(error).__name__}: {error}",
            remedy="train the run again",
        ) from error
    return head, {one.key: one.value for one in network.metadata_props}
