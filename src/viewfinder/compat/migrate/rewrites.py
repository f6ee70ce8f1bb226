"""All changes of a module. Formatting and everything else stay as they are."""

import re
from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper
from typing_extensions import override

from viewfinder.compat.migrate import names
from viewfinder.compat.migrate.base import Change
from viewfinder.compat.migrate.calls import CallRewriter
from viewfinder.compat.migrate.facts import Facts, dotted, is_layer, last_name, texts_in
from viewfinder.compat.migrate.imports import ImportRewriter
from viewfinder.compat.migrate.nodes import Literals, dotted_node


def rewritten(module: cst.Module, facts: Facts) -> tuple[cst.Module, list[Change]]:
    """Return a module that runs on Keras 3, and its changes by line."""
    wrapper = MetadataWrapper(module)
    rewriter = _AllRewrites(facts)
    result = wrapper.visit(rewriter)
    if rewriter.imports:
        result = _with_imports(result, sorted(rewriter.imports))
    return result, sorted(set(rewriter.changes))


class _AllRewrites(ImportRewriter, CallRewriter):
    """Rewrites attributes and keys too."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.functions: list[str] = []
        roots = {facts.keras, f"{facts.tensorflow}.keras"} - {None}
        self.modules_by_attribute = {
            f"{root}.{old}": f"{root}.{new}".rstrip(".")
            for root in roots
            for old, new in names.MODULES.items()
            if "experimental" not in old
        }

    @override
    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = original_node.attr.value
        base = original_node.value
        if name == "preprocessing" and last_name(base) == "experimental":
            inner = updated_node.value
            if isinstance(inner, cst.Attribute) and last_name(inner.value) == "layers":
                self.note(original_node, "Modules", "These layers are in keras.layers itself.")
                return inner.value
        here = dotted(original_node)
        self._note_by_hand(original_node)
        table = names.RENAMED.get(last_name(base) or "", {})
        if name in table and self.facts.is_keras(original_node):
            rule = "Optimizers" if name in names.LOWERCASE_OPTIMIZERS else "Modules"
            self.note(original_node, rule, f"{name} is {table[name]} in Keras 3.")
            return updated_node.with_changes(attr=cst.Name(table[name]))
        if here in self.modules_by_attribute:
            new = self.modules_by_attribute[here]
            self.note(original_node, "Modules", f"{here} is {new} in Keras 3.")
            return dotted_node(new)
        of_tensorflow = here.removeprefix(f"{self.facts.tensorflow}.")
        if here != of_tensorflow and of_tensorflow in names.TENSORFLOW_1:
            new = f"{self.facts.tensorflow}.{names.TENSORFLOW_1[of_tensorflow]}"
            self.note(original_node, "TensorFlow 1", f"{here} is {new} in TensorFlow 2.")
            return dotted_node(new)
        if name in ("input", "output") and dotted(base) in self.facts.sequential:
            self.note(original_node, "Shapes", f"A Sequential has {name}s in Keras 3.")
            return cst.parse_expression(f"{dotted(base)}.{name}s[0]")
        if name in names.TRAIN_OPTIMIZERS and dotted(base) == f"{self.facts.tensorflow}.train":
            new = f"{self.facts.tensorflow}.keras.optimizers.{names.TRAIN_OPTIMIZERS[name]}"
            self.note(original_node, "Optimizers", f"tf.train.{name} is {new} in TensorFlow 2.")
            return dotted_node(new)
        images = {f"{self.facts.standalone}.preprocessing.image"}
        if self.facts.needs_own_steps:
            images |= {f"{self.facts.tensorflow}.keras.preprocessing.image"}
            images |= {f"{self.facts.keras}.preprocessing.image"}
        if name in names.IMAGE_NAMES and dotted(base) in images:
            self.imports.add(f"from viewfinder.compat import {name}")
            self.note(original_node, "ImageDataGenerator", f"{name} comes from viewfinder.compat.")
            return cst.Name(name)
        if name in ("output_shape", "input_shape") and is_layer(base, self.facts.layers):
            half = name.removesuffix("_shape")
            self.note(original_node, "Shapes", f"A layer's {name} is {half}.shape in Keras 3.")
            tensor = cst.Attribute(updated_node.value, cst.Name(half))
            return updated_node.with_changes(value=tensor, attr=cst.Name("shape"))
        if name == "lr" and self.facts.bound and last_name(base) in ("optimizer", "opt"):
            self.note(original_node, "Optimizers", "An optimizer's lr is learning_rate.")
            return updated_node.with_changes(attr=cst.Name("learning_rate"))
        if name in names.BACKEND:
            new = names.BACKEND[name]
            self.note(original_node, "Keras 1", f"{name} is {new}.")
            return updated_node.with_changes(attr=cst.Name(new))
        return updated_node

    @override
    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.Subscript:
        if not re.search("hist|logs", last_name(original_node.value) or ""):
            return updated_node
        self.note_of_both(original_node, [t for s in original_node.slice for t in texts_in(s)])
        changed = updated_node.visit(Literals(self.key_of_history))
        if not isinstance(changed, cst.Subscript) or changed.deep_equals(updated_node):
            return updated_node
        self.note_of_key(original_node, next(t for s in original_node.slice for t in texts_in(s)))
        return updated_node.with_changes(slice=changed.slice)

    @override
    def leave_Assign(
        self, original_node: cst.Assign, updated_node: cst.Assign
    ) -> cst.BaseSmallStatement:
        """Rename a file that a variable holds."""
        targets = {last_name(target.target) for target in original_node.targets}
        if targets.isdisjoint(self.facts.file_variables):
            return updated_node
        value = updated_node.value.visit(Literals(self.facts.renamed_files.get))
        if not isinstance(value, cst.BaseExpression) or value.deep_equals(updated_node.value):
            return updated_node
        self.note(original_node, "Weights files", names.OF_FILES)
        return updated_node.with_changes(value=value)

    @override
    def leave_Yield(self, original_node: cst.Yield, updated_node: cst.Yield) -> cst.Yield:
        """Yield several inputs or outputs as tuples, for `fit` of Keras 3 takes no lists."""
        batch = updated_node.value
        if isinstance(batch, cst.From):
            return updated_node
        return updated_node.with_changes(value=self._batch(original_node, batch))

    @override
    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions.append(node.name.value)

    @override
    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        self.functions.pop()
        return updated_node

    @override
    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        """Return batches of a `Sequence` with tuples as well."""
        if self.functions[-1:] != ["__getitem__"]:
            return updated_node
        return updated_node.with_changes(value=self._batch(original_node, updated_node.value))

    def _batch(
        self, original: cst.CSTNode, batch: cst.BaseExpression | None
    ) -> cst.BaseExpression | None:
        """Turn lists of several inputs or outputs into tuples."""
        if not isinstance(batch, cst.Tuple) or not self.facts.trains:
            return batch
        parts = [_as_tuple(element) for element in batch.elements]
        if all(new is old for new, old in zip(parts, batch.elements, strict=True)):
            return batch
        text = "fit of Keras 3 takes several inputs as a tuple, not a list."
        self.note(original, "Generators", text)
        return batch.with_changes(elements=parts)

    def _note_by_hand(self, node: cst.Attribute) -> None:
        """List what has no successor, to change by hand."""
        name = node.attr.value
        self.note_of_attribute(node)
        if name in names.ATTRIBUTES_BY_HAND and self.facts.is_model(node.value):
            self.note(node, "Removed", names.ATTRIBUTES_BY_HAND[name], by_hand=True)
        of_tensorflow = re.match(rf"{self.facts.tensorflow}\.(?!keras\.)", dotted(node))
        if name in names.NAMES_BY_HAND and self.facts.is_keras(node) and not of_tensorflow:
            text = f"Keras 3 has no {name}: {names.NAMES_BY_HAND[name]}"
            self.note(node, "Removed", text, by_hand=True)
        if name in names.TENSORFLOW_BY_HAND and dotted(node.value) == self.facts.tensorflow:
            self.note(node, "Removed", names.TENSORFLOW_BY_HAND[name], by_hand=True)

    @override
    def leave_Comparison(
        self, original_node: cst.Comparison, updated_node: cst.Comparison
    ) -> cst.BaseExpression:
        """Compare `image_data_format` with its values of today."""
        sides = [original_node.left, *(target.comparator for target in original_node.comparisons)]
        if not any(
            isinstance(side, cst.Call) and last_name(side.func) == "image_dim_ordering"
            for side in sides
        ):
            return updated_node
        changed = updated_node.visit(Literals(names.LAYER_VALUES.get))
        assert isinstance(changed, cst.Comparison)
        return changed


def _as_tuple(element: cst.BaseElement) -> cst.BaseElement:
    """Turn an element that is a list of several into one that is a tuple."""
    listed = element.value
    if not isinstance(listed, cst.List) or len(listed.elements) < 2:
        return element
    return element.with_changes(value=cst.Tuple(listed.elements))


def _with_imports(module: cst.Module, lines: Sequence[str]) -> cst.Module:
    """Add imports below the last import of the beginning, or at the top."""
    body = list(module.body)
    last = 0
    for index, statement in enumerate(body):
        if m.matches(statement, m.SimpleStatementLine([m.Import() | m.ImportFrom()])):
            last = index + 1
        elif not m.matches(statement, m.SimpleStatementLine([m.Expr(m.SimpleString())])):
            break
        elif index == 0:
            last = 1
    added = [cst.parse_statement(f"{line}\n") for line in lines]
    return module.with_changes(body=[*body[:last], *added, *body[last:]])
