"""Calls whose names or arguments have changed."""

import re

import libcst as cst
import libcst.matchers as m
from typing_extensions import override

from viewfinder.compat.migrate import names
from viewfinder.compat.migrate.backend import BackendRewriter
from viewfinder.compat.migrate.facts import (
    Facts,
    dotted,
    file_of,
    is_fraction,
    last_name,
    texts_in,
)
from viewfinder.compat.migrate.layers import LayerRewriter
from viewfinder.compat.migrate.nodes import (
    COMMA,
    TIGHT,
    dotted_node,
    is_none,
    last_comma,
    named,
    rounded_up,
    with_texts,
)


class CallRewriter(BackendRewriter, LayerRewriter):
    """Rewrites calls of models, optimizers, layers and callbacks."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.iterated: list[cst.BaseExpression] = []

    @override
    def visit_For(self, node: cst.For) -> None:
        self.iterated.append(node.iter)

    @override
    def visit_CompFor(self, node: cst.CompFor) -> None:
        self.iterated.append(node.iter)

    @override
    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = last_name(original_node.func) or ""
        func = original_node.func
        is_method = isinstance(func, cst.Attribute)
        if is_method and name in names.GENERATOR_METHODS:
            return self._generator_method(original_node, updated_node, name)
        if isinstance(func, cst.Attribute) and name in ("fit", "evaluate", "predict"):
            if not self.facts.is_model(func.value):
                return updated_node
            return self._fit_arguments(original_node, updated_node)
        if isinstance(func, cst.Attribute) and name in ("predict_classes", "predict_proba"):
            if name == "predict_proba" and not self.facts.is_model(func.value):
                return updated_node
            return self._predict_classes(original_node, updated_node, name)
        if name in ("save_weights", "load_weights", "load_model"):
            return self._weights_file(original_node, updated_node)
        if isinstance(func, cst.Attribute) and name == "get":
            if re.search("hist|logs", last_name(func.value) or ""):
                return self._logs_get(original_node, updated_node)
            return updated_node
        if isinstance(func, cst.Attribute) and name == "compile":
            return self._compile(original_node, updated_node)
        if isinstance(func, cst.Attribute) and self.is_backend(func.value):
            return self.of_backend(original_node, updated_node, name)
        if isinstance(func, cst.Attribute) and name == "next" and not original_node.args:
            if last_name(func.value) not in self.facts.flows:
                return updated_node
            self.note(original_node, "Generators", "Iterators have no method next.")
            return cst.Call(cst.Name("next"), [cst.Arg(func.value)])
        if name == "load_img":
            return self.load_img(original_node, updated_node)
        if name == "add_weight" and self.facts.bound:
            return self.add_weight(original_node, updated_node)
        if isinstance(func, cst.Attribute) and name == "get_output_at" and self.facts.bound:
            self.note(original_node, "Shapes", "A layer has output, not get_output_at, in Keras 3.")
            return cst.Attribute(func.value, cst.Name("output"))
        if isinstance(func, cst.Name) and name == "zip":
            return self._zip_of_flows(original_node, updated_node)
        if not self.facts.is_keras(func):
            return updated_node
        if name in names.OPTIMIZERS or name in names.LOWERCASE_OPTIMIZERS:
            return self._optimizer(original_node, updated_node)
        if name in names.LAYERS:
            return self.layer(original_node, updated_node, name)
        if name == "Model":
            return self.renamed(
                original_node, updated_node, names.MODEL_ARGUMENTS, "Keras 1", "Model"
            )
        if name in ("ModelCheckpoint", "EarlyStopping", "ReduceLROnPlateau", "TensorBoard"):
            return self._callback(original_node, updated_node, name)
        return updated_node

    def _zip_of_flows(self, original: cst.Call, node: cst.Call) -> cst.BaseExpression:
        """Make a `zip` of iterators a generator, for Keras 3 takes no `zip`."""
        if not node.args or any(last_name(a.value) not in self.facts.flows for a in node.args):
            return node
        if any(original is one for one in self.iterated):
            return node
        self.note(original, "Generators", "fit of Keras 3 takes a generator, not a zip.")
        text = cst.Module([]).code_for_node(node)
        return cst.parse_expression(f"(batches for batches in {text})")

    def _compile(self, original: cst.Call, node: cst.Call) -> cst.Call:
        """Name the metrics, which were the third argument."""
        if len(node.args) != 3 or node.args[2].keyword or not self.facts.bound:
            return node
        optimizer, loss, metrics = node.args
        is_list = last_name(metrics.value) in self.facts.texts or texts_in(metrics.value)
        if optimizer.keyword or loss.keyword or not is_list:
            return node
        self.note(original, "Compiling", "The third argument of compile is not metrics any longer.")
        metrics = metrics.with_changes(keyword=cst.Name("metrics"), equal=TIGHT)
        return node.with_changes(args=[optimizer, loss, metrics])

    def _generator_method(self, original: cst.Call, node: cst.Call, name: str) -> cst.Call:
        method, parameters = names.GENERATOR_METHODS[name]
        self.note(
            original, "Generators", f"{name} is {method} in Keras 3, which takes iterators too."
        )
        arguments: list[cst.Arg] = []
        for index, argument in enumerate(node.args):
            keyword = argument.keyword.value if argument.keyword else None
            if keyword is None and not argument.star and 0 < index < len(parameters):
                argument = argument.with_changes(keyword=cst.Name(parameters[index]), equal=TIGHT)
            elif keyword == "generator":
                argument = argument.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)
                arguments.insert(0, argument)
                continue
            arguments.append(argument)
        func = node.func.with_changes(attr=cst.Name(method))
        return self._fit_arguments(original, node.with_changes(func=func, args=arguments))

    def _fit_arguments(self, original: cst.Call, node: cst.Call) -> cst.Call:
        node = self.without(original, node, names.NO_LONGER_TAKEN, "Generators")
        if isinstance(named(node, "class_weight"), cst.SimpleString):  # "auto" had no effect
            node = self.without(original, node, ("class_weight",), "Generators")
        node = self.renamed(original, node, names.FIT_ARGUMENTS, "Keras 1", "fit")
        return node.with_changes(
            args=[self._steps(original, node, argument) for argument in node.args]
        )

    def _steps(self, original: cst.Call, node: cst.Call, argument: cst.Arg) -> cst.Arg:
        """Make steps a whole number; turn Keras 1's samples into steps."""
        keyword = argument.keyword.value if argument.keyword else ""
        held = self.facts.fractions.get(last_name(argument.value) or "", argument.value)
        if keyword in names.STEPS and is_fraction(held):
            self.note(original, "Generators", f"{keyword} must be a whole number.")
            return argument.with_changes(value=rounded_up(argument.value, held))
        if keyword in names.SAMPLES:
            steps = names.SAMPLES[keyword]
            source = (
                named(node, "validation_data")
                if keyword == "nb_val_samples"
                else node.args[0].value
            )
            if source is None or last_name(source) not in self.facts.flows:
                advice = f"{keyword} counted samples; {steps} counts batches: divide by their size."
                self.note(original, "Keras 1", advice, by_hand=True)
                return argument
            self.note(original, "Keras 1", f"{keyword} counted samples; {steps} counts batches.")
            batches = cst.BinaryOperation(
                argument.value, cst.Divide(), cst.Attribute(source, cst.Name("batch_size"))
            )
            return argument.with_changes(
                keyword=cst.Name(steps), value=rounded_up(batches, batches)
            )
        return argument

    def _predict_classes(self, original: cst.Call, node: cst.Call, name: str) -> cst.BaseExpression:
        predicted = node.with_changes(func=node.func.with_changes(attr=cst.Name("predict")))
        if name == "predict_proba":
            self.note(original, "Predicting", "predict_proba is predict in Keras 3.")
            return predicted
        kinds = self.facts.activations & {"softmax", "sigmoid"}
        if len(kinds) != 1:
            self.note(
                original,
                "Predicting",
                "Keras 3 has no predict_classes: take the argmax of predict for a softmax, "
                "predict > 0.5 for a sigmoid.",
                by_hand=True,
            )
            return node
        self.note(
            original,
            "Predicting",
            f"Keras 3 has no predict_classes: written out, for a {kinds.pop()}.",
        )
        text = cst.Module([]).code_for_node(predicted)
        if "softmax" in self.facts.activations:
            return cst.parse_expression(f"{text}.argmax(axis=-1)")
        return cst.parse_expression(f'({text} > 0.5).astype("int32")')

    def _weights_file(self, original: cst.Call, node: cst.Call) -> cst.Call:
        file = file_of(node)
        if set(texts_in(file)).isdisjoint(self.facts.renamed_files):
            return node
        self.note(original, "Weights files", names.OF_FILES)
        renamed = self.facts.renamed_files.get
        return node.with_changes(
            args=[with_texts(a, renamed) if a is file else a for a in node.args]
        )

    def _logs_get(self, original: cst.Call, node: cst.Call) -> cst.Call:
        self.note_of_both(original, texts_in(original))
        changed = [with_texts(argument, self.key_of_history) for argument in node.args]
        if not all(a.deep_equals(b) for a, b in zip(changed, node.args, strict=True)):
            self.note_of_key(original, texts_in(original)[0])
        return node.with_changes(args=changed)

    def _callback(self, original: cst.Call, node: cst.Call, name: str) -> cst.Call:
        arguments = []
        place = 1 if name == "ModelCheckpoint" else 0
        for index, argument in enumerate(node.args):
            keyword = argument.keyword.value if argument.keyword else ""
            if keyword == "monitor" or (not keyword and index == place):
                changed = with_texts(argument, self.key_of_metric)
                if not changed.deep_equals(argument):
                    self.note_of_key(original, texts_in(argument)[0])
                self.note_of_both(original, texts_in(argument))
                argument = changed
            arguments.append(argument)
        node = node.with_changes(args=arguments)
        if name == "ReduceLROnPlateau":
            node = self.renamed(original, node, {"epsilon": "min_delta"}, "Callbacks", name)
        if name == "ModelCheckpoint":
            node = self._weights_file(original, node)
            file = file_of(node)
            keyed = [with_texts(a, self.name_with_keys) if a is file else a for a in node.args]
            node = node.with_changes(args=keyed)
            if named(node, "period"):
                text = "ModelCheckpoint has no period: it saves after every epoch."
                self.note(original, "Callbacks", text)
        removed = {"TensorBoard": names.REMOVED_OF_TENSORBOARD, "ModelCheckpoint": ("period",)}
        return self.without(original, node, removed.get(name, ()), "Callbacks")

    def _optimizer(self, original: cst.Call, node: cst.Call) -> cst.Call:
        node = self.renamed(original, node, {"lr": "learning_rate"}, "Optimizers", "An optimizer")
        whole = named(node, "learning_rate")
        if isinstance(whole, cst.Integer):
            self.note(original, "Optimizers", "learning_rate must be a float.")
            number = cst.Float(f"{whole.evaluated_value}.0")
            node = node.with_changes(
                args=[a.with_changes(value=number) if a.value is whole else a for a in node.args]
            )
        if is_none(named(node, "epsilon")):
            node = self.without(original, node, ("epsilon",), "Optimizers")
        decay = named(node, "decay")
        if decay is None:
            return node
        self.note(
            original,
            "Optimizers",
            "decay is a schedule in Keras 3: rate / (1 + decay * step), as before.",
        )
        kept = last_comma([a for a in node.args if not (a.keyword and a.keyword.value == "decay")])
        if m.matches(decay, m.Integer("0") | m.Float("0.0") | m.Float("0.")):
            return node.with_changes(args=kept)
        default = "0.01" if last_name(node.func) in ("SGD", "sgd") else "0.001"
        positional = bool(kept) and kept[0].keyword is None
        given = kept[0].value if positional else named(node, "learning_rate")
        schedule = cst.Call(
            dotted_node(f"{self._optimizers(node)}.schedules.InverseTimeDecay"),
            [
                cst.Arg(given or cst.Float(default), comma=COMMA),
                cst.Arg(
                    cst.Integer("1"), keyword=cst.Name("decay_steps"), equal=TIGHT, comma=COMMA
                ),
                cst.Arg(decay, keyword=cst.Name("decay_rate"), equal=TIGHT),
            ],
        )
        if given is None:
            rate = cst.Arg(schedule, keyword=cst.Name("learning_rate"), equal=TIGHT)
            return node.with_changes(args=last_comma([rate.with_changes(comma=COMMA), *kept]))
        return node.with_changes(
            args=[a.with_changes(value=schedule) if a.value is given else a for a in kept]
        )

    def _optimizers(self, node: cst.Call) -> str:
        """Return the module of optimizers as the file can write it."""
        if isinstance(node.func, cst.Attribute):
            return dotted(node.func.value)
        if self.facts.keras:
            return f"{self.facts.keras}.optimizers"
        if self.facts.tensorflow:
            return f"{self.facts.tensorflow}.keras.optimizers"
        self.imports.add("import keras")
        return "keras.optimizers"
