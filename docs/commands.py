"""Writes docs/commands.md: the help pages of all commands, as `--help` prints them.

python docs/commands.py
"""

import os
from pathlib import Path

# Rich asks these when it is imported: a page for everybody has one width and no colours.
os.environ.update({"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"})

import typer
from typer.testing import CliRunner

from viewfinder.cli import main

PAGE = Path(__file__).with_name("commands.md")
HEAD = "# Commands\n\nWritten by `python docs/commands.py` from the commands' own help.\n"


def page() -> str:
    """The page as it should be."""
    sections = [HEAD]
    for words in ([], *commands(typer.main.get_command(main), [])):
        shown = CliRunner().invoke(main, [*words, "--help"]).output
        title = " ".join(["viewfinder", *words])
        lines = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        sections.append(f"## {title}\n\n```\n{lines}\n```\n")
    return "\n".join(sections)


def commands(group: object, words: list[str]) -> list[list[str]]:
    """The words of every command below a group, groups themselves left out."""
    found = []
    for name, command in sorted(getattr(group, "commands", {}).items()):
        inner = [*words, name]
        found += commands(command, inner) if hasattr(command, "commands") else [inner]
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
