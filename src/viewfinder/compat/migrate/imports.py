"""Imports of what Keras 3 has moved or lacks."""

from collections.abc import Callable, Sequence

import libcst as cst
from typing_extensions import override

from viewfinder.compat.migrate import names
from viewfinder.compat.migrate.base import Rewriter
from viewfinder.compat.migrate.facts import dotted
from viewfinder.compat.migrate.nodes import COMMA, dotted_node

_ROOTS = ("tensorflow.keras", "tensorflow.python.keras", "keras")
_IMAGES = ("keras.preprocessing.image", "keras_preprocessing.image")
_MOVED = "Keras 3 has no ImageDataGenerator; viewfinder.compat has the same class, faster."


class ImportRewriter(Rewriter):
    """Rewrites imports."""

    @override
    def visit_Import(self, node: cst.Import) -> bool:
        return False  # the names in it are no attributes

    @override
    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    @override
    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        aliases = [self._module(original_node, alias) for alias in updated_node.names]
        return updated_node.with_changes(names=aliases)

    def _module(self, original: cst.Import, alias: cst.ImportAlias) -> cst.ImportAlias:
        """`import keras.layers.core as core` and the like."""
        path = dotted(alias.name)
        self._note_of_module(original, path)
        if path == "keras_preprocessing":
            self.note(original, "ImageDataGenerator", _MOVED)
            return alias.with_changes(
                name=dotted_node("viewfinder.compat"),
                asname=_as(alias.evaluated_alias or path),
            )
        used = self.facts.attributes.get(alias.evaluated_alias or "", set())
        if path in _IMAGES and not used.isdisjoint(names.IMAGE_NAMES):
            self.note(original, "ImageDataGenerator", _MOVED)
            return alias.with_changes(name=dotted_node("viewfinder.compat.image"))
        if (moved := _moved(path)) != path:
            self.note(original, "Modules", f"{path} is {moved} in Keras 3.")
            return alias.with_changes(name=dotted_node(moved))
        return alias

    @override
    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        path = dotted(original_node.module)
        self._note_of_module(original_node, path)
        root = next((root for root in _ROOTS if path == root or path.startswith(f"{root}.")), "")
        below = path[len(root) + 1 :]
        if (moved := _moved(path)) != path:
            self.note(original_node, "Modules", f"{path} is {moved} in Keras 3.")
            updated_node = updated_node.with_changes(module=dotted_node(moved))
            root = root.replace(".python", "")
        for alias in _aliases(original_node):
            if root and (advice := names.NAMES_BY_HAND.get(alias.evaluated_name)):
                text = f"Keras 3 has no {alias.evaluated_name}: {advice}"
                self.note(original_node, "Removed", text, by_hand=True)
        if path == "tensorflow":
            return self._import_of_tensorflow(original_node, updated_node)
        if isinstance(updated_node.names, cst.ImportStar):
            if path not in _IMAGES:
                return updated_node
            self.note(original_node, "ImageDataGenerator", _MOVED)
            return updated_node.with_changes(module=dotted_node("viewfinder.compat.image"))
        lacks_images = root == "keras" or self.facts.needs_own_steps
        if path.startswith("keras_preprocessing") or lacks_images:
            images = self._import_of_images(
                original_node, updated_node, path.removeprefix("tensorflow.")
            )
            if images is not None:
                return images
        if below == "utils":
            return self._import_of_np_utils(original_node, updated_node, root)
        if below in {module for module, _ in names.MOVED_NAMES}:
            return self._import_of_moved(original_node, updated_node, root, below)
        return self._renamed_names(
            original_node, updated_node, root, names.MODULES.get(below, below)
        )

    def _note_of_module(self, original: cst.Import | cst.ImportFrom, path: str) -> None:
        for module, advice in names.BY_HAND.items():
            if f"{path}.".startswith((f"{module}.", f"tensorflow.{module}.")):
                self.note(original, "Removed", advice, by_hand=True)

    def _import_of_tensorflow(
        self, original: cst.ImportFrom, node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        """`from tensorflow import set_random_seed, Session` and the like."""
        placed: list[tuple[str, cst.ImportAlias]] = []
        for alias in _aliases(node):
            old = alias.evaluated_name
            parent, _, new = names.TENSORFLOW_1.get(old, old).rpartition(".")
            if parent:
                self.note(original, "TensorFlow 1", f"{old} is in tensorflow.{parent}.")
            if new != old:
                alias = alias.with_changes(
                    name=cst.Name(new), asname=_as(alias.evaluated_alias or old)
                )
            placed.append((f"tensorflow.{parent}".rstrip("."), alias))
        return _placed(node, placed)

    def _import_of_moved(
        self, original: cst.ImportFrom, node: cst.ImportFrom, root: str, below: str
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        """`from keras.models import Input` and the like."""
        placed: list[tuple[str, cst.ImportAlias]] = []
        for alias in _aliases(node):
            target = names.MOVED_NAMES.get((below, alias.evaluated_name))
            if target:
                text = f"{alias.evaluated_name} is in keras.{target} in Keras 3."
                self.note(original, "Modules", text)
            placed.append((f"{root}.{target or below}", alias))
        return _placed(node, placed)

    def _import_of_images(
        self, original: cst.ImportFrom, node: cst.ImportFrom, path: str
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement] | None:
        """Move the names that Keras 3 lacks; None where the import works as it is."""
        aliases = list(_aliases(node))
        if path in ("keras.preprocessing", "keras_preprocessing"):
            used = {
                attribute
                for alias in aliases
                if alias.evaluated_name == "image"
                for attribute in self.facts.attributes.get(alias.evaluated_alias or "image", ())
            }
            moves = [
                alias.evaluated_name == "image"
                and (path == "keras_preprocessing" or not used.isdisjoint(names.IMAGE_NAMES))
                for alias in aliases
            ]
        elif path in _IMAGES:
            old = path.startswith("keras_preprocessing")
            moves = [old or alias.evaluated_name in names.IMAGE_NAMES for alias in aliases]
            if any(moves):
                kept = names.KEPT_IMAGE_NAMES
                moves = [
                    move or alias.evaluated_name in kept
                    for move, alias in zip(moves, aliases, strict=True)
                ]
        else:
            return None
        if not any(moves):
            return None
        self.note(original, "ImageDataGenerator", _MOVED)
        return _split(node, moves, "viewfinder.compat")

    def _import_of_np_utils(
        self, original: cst.ImportFrom, node: cst.ImportFrom, root: str
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        moves = [alias.evaluated_name == "np_utils" for alias in _aliases(node)]
        if not any(moves):
            return node
        self.note(original, "Modules", "np_utils is utils itself in Keras 3.")

        def renamed(alias: cst.ImportAlias) -> cst.ImportAlias:
            name = alias.evaluated_alias or "np_utils"
            return alias.with_changes(name=cst.Name("utils"), asname=_as(name))

        return _split(node, moves, root, renamed)

    def _renamed_names(
        self, original: cst.ImportFrom, node: cst.ImportFrom, root: str, below: str
    ) -> cst.ImportFrom:
        """Import what has another name now under its old one."""
        table = names.RENAMED.get(below, {})
        if below in ("losses", "metrics"):
            table = names.RENAMED_LOSSES.get(root, {})

        def renamed(alias: cst.ImportAlias) -> cst.ImportAlias:
            new = table.get(alias.evaluated_name)
            if not root or new is None:
                return alias
            rule = "Optimizers" if below == "optimizers" else "Modules"
            self.note(original, rule, f"{alias.evaluated_name} is {new} in Keras 3.")
            kept = alias.evaluated_alias or alias.evaluated_name
            return alias.with_changes(name=cst.Name(new), asname=_as(kept))

        return node.with_changes(names=[renamed(alias) for alias in _aliases(node)])


def _moved(path: str) -> str:
    """Return where a module of Keras is today."""
    root = next((root for root in _ROOTS if path == root or path.startswith(f"{root}.")), "")
    if not root:
        return path
    below = path[len(root) + 1 :]
    return f"{root.replace('.python', '')}.{names.MODULES.get(below, below)}".rstrip(".")


def _aliases(node: cst.ImportFrom) -> Sequence[cst.ImportAlias]:
    return () if isinstance(node.names, cst.ImportStar) else node.names


def _placed(
    node: cst.ImportFrom, placed: Sequence[tuple[str, cst.ImportAlias]]
) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
    """Import each name from the module beside it."""
    by_module: dict[str, list[cst.ImportAlias]] = {}
    for path, alias in placed:
        by_module.setdefault(path, []).append(alias)
    if set(by_module) <= {dotted(node.module)}:
        return node
    bare = {"lpar": None, "rpar": None} if len(by_module) > 1 else {}
    return cst.FlattenSentinel(
        [
            node.with_changes(module=dotted_node(path), names=_without_comma(aliases), **bare)
            for path, aliases in by_module.items()
        ]
    )


def _split(
    node: cst.ImportFrom,
    moves: Sequence[bool],
    module: str,
    changed: Callable[[cst.ImportAlias], cst.ImportAlias] = lambda alias: alias,
) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
    """Import the moving names from `module`, the others from where they were."""
    aliases = list(_aliases(node))
    moving = [changed(alias) for alias, move in zip(aliases, moves, strict=True) if move]
    staying = [alias for alias, move in zip(aliases, moves, strict=True) if not move]
    if not staying:
        return node.with_changes(module=dotted_node(module), names=moving)
    bare = {"lpar": None, "rpar": None}
    tidy = [_without_comma(moving), _without_comma(staying)]
    return cst.FlattenSentinel(
        [
            node.with_changes(module=dotted_node(module), names=tidy[0], **bare),
            node.with_changes(names=tidy[1], **bare),
        ]
    )


def _without_comma(aliases: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    spaced = [alias.with_changes(comma=COMMA) for alias in aliases]
    return [*spaced[:-1], spaced[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def _as(name: str) -> cst.AsName:
    return cst.AsName(cst.Name(name))
