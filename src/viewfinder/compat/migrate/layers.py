"""Calls of layers, and of functions whose arguments have changed as theirs have."""

import libcst as cst

from viewfinder.compat.migrate import names
from viewfinder.compat.migrate.base import Rewriter
from viewfinder.compat.migrate.facts import dotted, texts_in
from viewfinder.compat.migrate.nodes import TIGHT, last_comma, named, with_texts


class LayerRewriter(Rewriter):
    """Rewrites the arguments of layers."""

    def layer(self, original: cst.Call, node: cst.Call, name: str) -> cst.Call:
        """Rewrite a call of a layer."""
        renames = {
            old: new
            for old, new in names.LAYER_ARGUMENTS.items()
            if name in names.ONLY_OF.get(old, (name,))
        }
        keywords = {a.keyword.value for a in node.args if a.keyword}
        is_old = name.startswith("Convolution") or not keywords.isdisjoint(names.LAYER_ARGUMENTS)
        node = self.renamed(original, node, renames, "Keras 1", name)
        node = self.without(original, node, names.REMOVED_LAYER_ARGUMENTS.get(name, ()), "Keras 1")
        if "data_format" in {a.keyword.value for a in node.args if a.keyword}:
            node = node.with_changes(
                args=[with_texts(argument, names.LAYER_VALUES.get) for argument in node.args]
            )
        node = self._kernel_size(original, node, name)
        node = self._units(original, node, name)
        positional = [a for a in node.args if a.keyword is None and not a.star]
        if is_old and "2D" in name and "Conv" in name and len(positional) == 3:
            self.note(original, "Keras 1", f"{name} takes the kernel's size as one pair.")
            filters, rows, columns = positional
            size = cst.Tuple([cst.Element(rows.value), cst.Element(columns.value)])
            kernel = columns.with_changes(value=size)
            return node.with_changes(args=[filters, kernel, *node.args[3:]])
        return node

    def _kernel_size(self, original: cst.Call, node: cst.Call, name: str) -> cst.Call:
        sides = [named(node, side) for side in ("nb_row", "nb_col")]
        if not all(sides):
            return node
        self.note(original, "Keras 1", f"{name} takes the kernel's size as one pair.")
        pair = cst.Tuple([cst.Element(side) for side in sides if side])
        size = cst.Arg(pair, keyword=cst.Name("kernel_size"), equal=TIGHT)
        arguments = [
            size.with_changes(comma=a.comma) if a.value is sides[0] else a
            for a in node.args
            if a.value is not sides[1]
        ]
        return node.with_changes(args=last_comma(arguments))

    def _units(self, original: cst.Call, node: cst.Call, name: str) -> cst.Call:
        """Make the units of `Dense` that NumPy multiplies a Python number."""
        units = named(node, "units") or (node.args[0].value if node.args else None)
        is_product = isinstance(units, cst.Call) and dotted(units.func) in ("np.prod", "numpy.prod")
        if name != "Dense" or not isinstance(units, cst.Call) or not is_product:
            return node
        self.note(original, "Shapes", "Dense of Keras 3 takes no number of NumPy.")
        whole = cst.Call(cst.Name("int"), [cst.Arg(units)])
        return node.with_changes(
            args=[a.with_changes(value=whole) if a.value is units else a for a in node.args]
        )

    def add_weight(self, original: cst.Call, node: cst.Call) -> cst.Call:
        """Name the arguments of `add_weight`, whose first was its name."""
        unnamed = [argument for argument in node.args if not argument.keyword]
        if not unnamed or not texts_in(unnamed[0].value):
            return node
        if len(unnamed) > len(names.WEIGHT_ARGUMENTS):  # of something else
            return node
        self.note(original, "Keras 1", "The first argument of add_weight is its shape in Keras 3.")
        return node.with_changes(
            args=[
                a
                if a.keyword or a.star
                else a.with_changes(keyword=cst.Name(names.WEIGHT_ARGUMENTS[index]), equal=TIGHT)
                for index, a in enumerate(node.args)
            ]
        )

    def load_img(self, original: cst.Call, node: cst.Call) -> cst.Call:
        """Turn `grayscale` into `color_mode`."""
        gray = named(node, "grayscale")
        if not isinstance(gray, cst.Name) or gray.value not in ("True", "False"):
            return node
        if gray.value == "False":
            return self.without(original, node, ("grayscale",), "Keras 1")
        self.note(original, "Keras 1", 'load_img takes grayscale as color_mode="grayscale".')
        mode = cst.SimpleString('"grayscale"')
        return node.with_changes(
            args=[
                a.with_changes(value=mode, keyword=cst.Name("color_mode")) if a.value is gray else a
                for a in node.args
            ]
        )
