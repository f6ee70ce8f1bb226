"""Calls of `keras.backend`."""

import libcst as cst

from viewfinder.compat.migrate import names
from viewfinder.compat.migrate.base import Rewriter
from viewfinder.compat.migrate.facts import dotted
from viewfinder.compat.migrate.nodes import last_comma, with_texts


class BackendRewriter(Rewriter):
    """Rewrites calls of `keras.backend`, and lists what has no successor."""

    def is_backend(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is the module `keras.backend`, not TensorFlow's."""
        path = dotted(node)
        return path in self.facts.backend or path == f"{self.facts.standalone}.backend"

    def of_backend(self, original: cst.Call, node: cst.Call, name: str) -> cst.BaseExpression:
        """Rewrite a call."""
        if name == "set_image_dim_ordering":
            return node.with_changes(
                args=[with_texts(argument, names.LAYER_VALUES.get) for argument in node.args]
            )
        given = node.args[0] if node.args else None
        if name == "int_shape" and given and _is_variable(given):
            self.note(original, "Backend", "int_shape of a tensor is its shape in Keras 3.")
            return cst.Attribute(given.value, cst.Name("shape"))
        in_ops = names.OPS.get(name)
        if name in names.OPS_WITH_AXIS and len(node.args) > 1:
            in_ops = names.OPS_WITH_AXIS[name]
        if in_ops and "ops" not in self.facts.bound:
            self.note(original, "Backend", f"{name} is {in_ops} of keras.ops in Keras 3.")
            self.imports.add("from keras import ops")
            return node.with_changes(func=cst.Attribute(cst.Name("ops"), cst.Name(in_ops)))
        methods = {("get_value", 1): "numpy", ("set_value", 2): "assign"}
        method = methods.get((name, len(node.args)))
        if method is None or not _is_variable(node.args[0]):
            self.note_of_backend(original, name)
            return node
        self.note(original, "Backend", f"{name} of a variable is its {method} in Keras 3.")
        variable, *value = node.args
        return cst.Call(cst.Attribute(variable.value, cst.Name(method)), last_comma(value))

    def note_of_backend(self, original: cst.CSTNode, name: str) -> None:
        """List a function of `keras.backend` that Keras 3 has not, to change by hand."""
        if name in names.KEPT_BACKEND or name in names.BACKEND or name in names.BACKEND_BY_HAND:
            return  # the last are listed as attributes
        text = (
            f"keras.backend has no {name} in Keras 3: see keras.ops, keras.random, keras.Variable."
        )
        self.note(original, "Backend", text, by_hand=True)

    def note_of_attribute(self, node: cst.Attribute) -> None:
        """List what neither backend has any longer, to change by hand."""
        name = node.attr.value
        path = dotted(node.value)
        of_tensorflow = {
            *self.facts.tensorflow_backend,
            f"{self.facts.tensorflow}.keras.backend",
            f"{self.facts.tensorflow}.compat.v1.keras.backend",
        }
        if name in names.BACKEND_BY_HAND and (self.is_backend(node.value) or path in of_tensorflow):
            text = f"Keras 3 has no {name}: {names.BACKEND_BY_HAND[name]}"
            self.note(node, "Backend", text, by_hand=True)


def _is_variable(argument: cst.Arg) -> bool:
    return not argument.star and isinstance(argument.value, cst.Attribute | cst.Name)
