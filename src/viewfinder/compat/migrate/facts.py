"""What a file says about itself, read before anything is changed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m
from typing_extensions import override

_KERAS = ("keras", "tensorflow")
# The two names of a metric. Keras 1 and 2 wrote one of them, whichever `compile` was given.
_METRICS = (
    ("acc", "accuracy"),
    ("mae", "mean_absolute_error"),
    ("mse", "mean_squared_error"),
)
_NAMES_OF_METRICS = {name for pair in _METRICS for name in pair}
# Packages whose own classes have `predict_proba` and `fit(…, workers=…)`.
_WITH_ESTIMATORS = {"sklearn", "xgboost", "lightgbm", "catboost", "gensim"}


@dataclass
class Facts:
    """What the rewrites need to know of a whole file.

    Attributes:
        metrics: The names of accuracy and errors that `compile` is given, such as "acc" and "mae".
        activations: The activations of `Dense` layers, and the layers `Activation`.
        layers: Variables that hold a layer.
        flows: Variables that hold an iterator of `ImageDataGenerator`.
        renamed_files: The new name of each file that `save_weights` or `ModelCheckpoint` is given
            and Keras 3 refuses.
        file_variables: Variables that hold such a name.
        strings: The strings of an expression, by the variable that holds it.
        attributes: The attributes that are read from each plain name.
        packages: The packages that are imported.
        bound: The names that imports of Keras or TensorFlow bind; `*` for all.
        models: Variables that hold a Keras model.
        sequential: Variables and attributes that hold a `Sequential`, such as `self.model`.
        backend: The names of `keras.backend`, where it is not TensorFlow's.
        tensorflow_backend: The names of `tensorflow.keras.backend`.
        outputs: The outputs that `compile` is given metrics for, by name.
        needs_own_steps: Whether an iterator of pictures is trained on with `steps_per_epoch`, or
            has several outputs: what `tensorflow.keras`'s class does not do on Keras 3.
        texts: The strings of a list, by the variable that holds it.
        metrics_from: The variables that `compile` is given for metrics.
        fractions: The division, or the call of `ceil`, by the variable that holds its result.
        called: The names that are called, without what is before a dot.
        keys_set: The keys that a dictionary is given.
        tensorflow: The name under which `tensorflow` is imported.
        keras: The name under which Keras is imported, from wherever.
        standalone: The name under which Keras is imported by `import keras`.
    """

    metrics: set[str] = field(default_factory=set)
    activations: set[str] = field(default_factory=set)
    layers: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)
    renamed_files: dict[str, str] = field(default_factory=dict)
    file_variables: set[str] = field(default_factory=set)
    strings: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    sequential: set[str] = field(default_factory=set)
    backend: set[str] = field(default_factory=set)
    tensorflow_backend: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    needs_own_steps: bool = False
    texts: dict[str, list[str]] = field(default_factory=dict)
    metrics_from: set[str] = field(default_factory=set)
    fractions: dict[str, cst.BaseExpression] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    keys_set: set[str] = field(default_factory=set)
    tensorflow: str | None = None
    keras: str | None = None
    standalone: str | None = None

    @property
    def metric_keys(self) -> dict[str, str]:
        """The name of a metric in a history, by its other name; none where both are compiled."""
        return {
            other: name
            for pair in _METRICS
            for name, other in (pair, pair[::-1])
            if name in self.metrics and other not in self.metrics
        }

    @property
    def has_both_accuracies(self) -> bool:
        """Whether some metric of the file is "acc", and another "accuracy"."""
        return {"acc", "accuracy"} <= self.metrics

    @property
    def trains(self) -> bool:
        """Whether the file trains a model of Keras."""
        return bool(self.bound) and not self.called.isdisjoint(("fit", "fit_generator"))

    def is_keras(self, node: cst.BaseExpression) -> bool:
        """Whether a name or attribute comes from an import of Keras or TensorFlow."""
        first = dotted(node).partition(".")[0]
        return first in self.bound or ("*" in self.bound and isinstance(node, cst.Name))

    def is_model(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a Keras model, not another library's."""
        return (last_name(node) or "") in self.models or (
            bool(self.bound) and self.packages.isdisjoint(_WITH_ESTIMATORS)
        )


def facts_of(modules: Iterable[cst.Module]) -> Facts:
    """Read the facts of a file, or of all cells of a notebook."""
    facts = Facts()
    for module in modules:
        module.visit(_Reader(facts))
    for name in facts.metrics_from:
        facts.metrics |= set(facts.texts.get(name, ())) & _NAMES_OF_METRICS
    return facts


class _Reader(cst.CSTVisitor):
    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @override
    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            name = dotted(alias.name)
            asname = alias.evaluated_alias
            self.facts.packages.add(name.partition(".")[0])
            if name.startswith(_KERAS):
                self.facts.bound.add(asname or name.partition(".")[0])
            if name == "keras.backend" and asname:
                self.facts.backend.add(asname)
            if name == "tensorflow.keras.backend" and asname:
                self.facts.tensorflow_backend.add(asname)
            if name == "tensorflow":
                self.facts.tensorflow = asname or name
            elif name in ("keras", "tensorflow.keras"):
                self.facts.keras = asname or name
                if name == "keras":
                    self.facts.standalone = self.facts.keras

    @override
    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.module is None:
            return
        name = dotted(node.module)
        self.facts.packages.add(name.partition(".")[0])
        if isinstance(node.names, cst.ImportStar):
            self.facts.bound |= {"*"} if name.startswith(_KERAS) else set()
            return
        if name.startswith(_KERAS):
            self.facts.bound |= {
                alias.evaluated_alias or alias.evaluated_name for alias in node.names
            }
        for alias in node.names:
            if alias.evaluated_name == "backend":
                known = {
                    "keras": self.facts.backend,
                    "tensorflow.keras": self.facts.tensorflow_backend,
                }
                known.get(name, set()).add(alias.evaluated_alias or "backend")
            if dotted(node.module) == "tensorflow" and alias.evaluated_name == "keras":
                self.facts.keras = alias.evaluated_alias or "keras"

    @override
    def visit_Attribute(self, node: cst.Attribute) -> None:
        if isinstance(node.value, cst.Name):
            self.facts.attributes.setdefault(node.value.value, set()).add(node.attr.value)

    @override
    def visit_Call(self, node: cst.Call) -> None:
        method = last_name(node.func)
        self.facts.called.add(method or "")
        if method == "compile":
            for index, argument in enumerate(node.args):
                if argument.keyword.value == "metrics" if argument.keyword else index == 2:
                    self.facts.metrics |= set(texts_in(argument.value)) & _NAMES_OF_METRICS
                    if isinstance(argument.value, cst.Dict):
                        self.facts.outputs |= {
                            text
                            for element in argument.value.elements
                            if isinstance(element, cst.DictElement)
                            for text in texts_in(element.key)
                        }
                    self.facts.metrics_from.add(last_name(argument.value) or "")
        elif method == "Activation":
            self.facts.activations |= set(texts_in(node))
        elif method == "Dense":
            self.facts.activations |= {
                text
                for argument in node.args
                if argument.keyword and argument.keyword.value == "activation"
                for text in (*texts_in(argument.value), last_name(argument.value) or "")
            }
        elif method in ("fit", "fit_generator") and node.args:
            keywords = {a.keyword.value for a in node.args if a.keyword}
            pictures = last_name(node.args[0].value) in self.facts.flows or makes_flow(
                node.args[0].value
            )
            by_position = method == "fit_generator" and len(node.args) - len(keywords) > 1
            if pictures and ("steps_per_epoch" in keywords or by_position):
                self.facts.needs_own_steps = True
        elif method in ("flow_from_dataframe", "flow"):
            first = node.args[0].value if node.args else None
            if "multi_output" in texts_in(node) or isinstance(first, cst.Tuple | cst.List):
                self.facts.needs_own_steps = True
        elif method in ("save_weights", "ModelCheckpoint"):
            self._rename_file(node, method == "save_weights" or _saves_weights(node))

    def _rename_file(self, node: cst.Call, of_weights: bool) -> None:
        """Note the new name of the file that a call writes, where Keras 3 refuses the old one."""
        file = file_of(node)
        variable = last_name(file.value) if isinstance(file, cst.Arg) else None
        texts = self.facts.strings.get(variable or "") or texts_in(file)
        text = texts[-1] if texts else ""
        whole = isinstance(file, cst.Arg) and isinstance(file.value, cst.SimpleString)
        if not (whole or text.endswith((".h5", ".hdf5"))) or text.endswith(".weights.h5"):
            return
        if of_weights:
            self.facts.renamed_files[text] = re.sub(r"\.(h5|hdf5)$", "", text) + ".weights.h5"
        elif text.endswith(".hdf5"):
            self.facts.renamed_files[text] = text.removesuffix(".hdf5") + ".h5"
        if text in self.facts.renamed_files and variable:
            self.facts.file_variables.add(variable)

    @override
    def visit_Assign(self, node: cst.Assign) -> None:
        targets = [target.target for target in node.targets]
        names = {target.value for target in targets if isinstance(target, cst.Name)}
        value = node.value
        for target in targets:
            if isinstance(target, cst.Subscript):
                self.facts.keys_set |= {text for key in target.slice for text in texts_in(key)}
        kind = self.facts.texts if isinstance(value, cst.List) else self.facts.strings
        kind |= dict.fromkeys(names, texts_in(value))
        if is_fraction(value):
            self.facts.fractions |= dict.fromkeys(names, value)
        if is_layer(value, self.facts.layers):
            self.facts.layers |= names
        made_by = (last_name(value.func) or "") if isinstance(value, cst.Call) else ""
        if makes_flow(value):
            self.facts.flows |= names
        if made_by in ("Sequential", "Model", "load_model", "model_from_json", "clone_model"):
            self.facts.models |= names
        paths, known = {dotted(target) for target in targets}, self.facts.sequential
        self.facts.sequential = known | paths if made_by == "Sequential" else known - paths

    @override
    def visit_For(self, node: cst.For) -> None:
        self._iterate(node.target, node.iter)

    @override
    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._iterate(node.target, node.iter)

    def _iterate(self, target: cst.BaseExpression, over: cst.BaseExpression) -> None:
        """Note the variable of a loop over layers, also of `enumerate(model.layers)`."""
        if isinstance(over, cst.Subscript):  # model.layers[1:]
            over = over.value
        if isinstance(over, cst.Call) and last_name(over.func) == "enumerate" and over.args:
            over = over.args[0].value
            target = target.elements[-1].value if isinstance(target, cst.Tuple) else target
        if isinstance(target, cst.Name) and last_name(over) == "layers":
            self.facts.layers.add(target.value)


def is_layer(node: cst.BaseExpression, layers: set[str]) -> bool:
    """Whether an expression is a layer: `x.get_layer(…)`, `x.layers[…]`, or a variable of one."""
    if isinstance(node, cst.Name):
        return node.value in layers or node.value in ("layer", "last_layer")
    if isinstance(node, cst.Call):
        return last_name(node.func) == "get_layer"
    return isinstance(node, cst.Subscript) and last_name(node.value) == "layers"


def makes_flow(node: cst.BaseExpression) -> bool:
    """Whether an expression makes an iterator of pictures: `x.flow(…)` and the like."""
    return isinstance(node, cst.Call) and (last_name(node.func) or "").startswith("flow")


def is_fraction(node: cst.BaseExpression) -> bool:
    """Whether this is a division, or rounded by NumPy, which gives a float as well."""
    if isinstance(node, cst.Call):
        return dotted(node.func) in ("np.ceil", "numpy.ceil", "np.floor", "numpy.floor")
    return m.matches(node, m.BinaryOperation(operator=m.Divide()))


def file_of(node: cst.Call) -> cst.CSTNode:
    """Return the argument of a call that names a file: `filepath`, or the first."""
    named = [a for a in node.args if a.keyword and a.keyword.value == "filepath"]
    return next(iter([*named, *node.args]), cst.Pass())


def _saves_weights(node: cst.Call) -> bool:
    return any(
        a.keyword
        and a.keyword.value == "save_weights_only"
        and isinstance(a.value, cst.Name)
        and a.value.value == "True"
        for a in node.args
    )


def dotted(node: cst.BaseExpression | None) -> str:
    """Return a dotted name as text, "" for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr.value}" if base else ""
    return ""


def last_name(node: cst.BaseExpression) -> str | None:
    """Return the last part of a name or attribute."""
    if isinstance(node, cst.Name):
        return node.value
    return node.attr.value if isinstance(node, cst.Attribute) else None


def texts_in(node: cst.CSTNode) -> list[str]:
    """Return the plain string literals of an expression."""
    return [
        str(text.evaluated_value)
        for text in m.findall(node, m.SimpleString())
        if isinstance(text, cst.SimpleString)
    ]
