"""What names from outside can do to a terminal: nothing."""

import io

import pytest
from rich.text import Text

from viewfinder.cli.tables import table
from viewfinder.core.console import SafeConsole

HOSTILE = {
    "\x1b[2J\x1b[31mcat": r"\x1b[2J\x1b[31mcat",
    "\x1b]0;title\x07cat": r"\x1b]0;title",
    "\x9b2Jcat": r"\x9b2Jcat",
    "gnp.\u202egpj.exe": r"gnp.\u202egpj.exe",
    "cat\udcff.png": r"cat\udcff.png",
    "one\u2028two": r"one\u2028two",
    "cat\nError: disk full": r"cat\nError: disk full",
}


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize(("name", "shown"), HOSTILE.items())
def test_control_characters_of_a_name_are_printed_as_escapes(name, shown, is_terminal):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = SafeConsole(
        file=out, force_terminal=is_terminal, no_color=True, highlight=False, width=200
    )
    console.print(name, markup=False, soft_wrap=True)
    console.print(f"picture {name}", markup=False)
    console.print(Text(name.partition("\n")[0], "red"))
    console.print(table(["name"], [[name]]))
    out.flush()
    printed = out.buffer.getvalue().decode()
    assert printed.count(shown) >= 3
    own = {"\x1b[1m", "\x1b[0m"}
    for sequence in own:
        printed = printed.replace(sequence, "")
    assert not set(printed) & set("\x1b\x9b\x07\u202e\u2028")


def test_ordinary_names_in_any_script_stay_as_they_are():
    out = io.StringIO()
    SafeConsole(file=out, highlight=False).print("häuser 猫 🐈‍⬛ עברית\tx")
    assert out.getvalue().split() == ["häuser", "猫", "🐈‍⬛", "עברית", "x"]
