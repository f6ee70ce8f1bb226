"""Small pieces of code as LibCST nodes."""

from collections.abc import Callable, Sequence

import libcst as cst
from typing_extensions import override

TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def with_texts(argument: cst.Arg, replacement: Callable[[str], str | None]) -> cst.Arg:
    """Replace the text of an argument's string literals, where there is a replacement."""
    changed = argument.visit(Literals(replacement))
    assert isinstance(changed, cst.Arg)
    return changed


class Literals(cst.CSTTransformer):
    """Replaces the text of plain string literals, keeping their quotes."""

    def __init__(self, replacement: Callable[[str], str | None]) -> None:
        super().__init__()
        self.replacement = replacement

    @override
    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        new = self.replacement(str(original_node.evaluated_value))
        if new is None:
            return updated_node
        quote = original_node.quote
        return updated_node.with_changes(value=f"{original_node.prefix}{quote}{new}{quote}")


def last_comma(arguments: Sequence[cst.Arg]) -> list[cst.Arg]:
    """Remove the comma that dropping the last argument leaves."""
    if not arguments:
        return []
    last = arguments[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return [*arguments[:-1], last]


def named(node: cst.Call, keyword: str) -> cst.BaseExpression | None:
    """Return the value of a keyword argument."""
    found = [a.value for a in node.args if a.keyword and a.keyword.value == keyword]
    return found[0] if found else None


def is_none(node: cst.BaseExpression | None) -> bool:
    """Whether an expression is the name None."""
    return isinstance(node, cst.Name) and node.value == "None"


def rounded_up(value: cst.BaseExpression, held: cst.BaseExpression) -> cst.BaseExpression:
    """Return a value as a whole number: `-(-a // b)` for `a / b`.

    Args:
        value: The division, a call that rounds it, or the name of a variable.
        held: What the variable holds; otherwise the value itself.
    """
    code = cst.Module([]).code_for_node
    if not isinstance(held, cst.BinaryOperation):
        return cst.parse_expression(f"int({code(value)})")
    if value is not held:
        return cst.parse_expression(f"-int(-{code(value)} // 1)")
    division = held
    left, right = code(division.left), code(division.right)
    simple = isinstance(division.left, cst.Name | cst.Integer | cst.Attribute | cst.Call)
    return cst.parse_expression(f"-(-{left if simple else f'({left})'} // {right})")


def dotted_node(path: str) -> cst.Attribute | cst.Name:
    """Return a dotted name as code."""
    node = cst.parse_expression(path)
    assert isinstance(node, cst.Attribute | cst.Name)
    return node
