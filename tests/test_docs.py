"""The docs are run: Python and commands in the README, links, files, the page of help texts."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from commands import Command
from named_data import write_named

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = ROOT / "docs" / "commands.md"
# The others tell of earlier versions, or are written by the commands themselves.
CURRENT = [
    page
    for page in PAGES
    if page.name != "CHANGELOG.md" and page != COMMANDS and page.parent.name != "development"
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        is_page = target.suffix == ".md" and target.exists()
        if "://" not in link and (
            not target.exists() or (anchor and is_page and anchor not in anchors(target))
        ):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tests_benchmarks_and_python_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"\b(?:tests|benchmarks)/[\w/]+\.py", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    for module, name in re.findall(r"from (viewfinder[\w.]*) import (\w+)", text):
        assert hasattr(import_module(module), name), f"{module}.{name}"


def test_commands_page_is_what_help_says() -> None:
    script = (
        "import sys; sys.path.insert(0, 'docs'); import commands; print(commands.page(), end='')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    written = COMMANDS.read_text(encoding="utf-8")
    assert shown.stdout == written, "python docs/commands.py writes it again"


def pages_of(nav: object) -> set[str]:
    """The pages that a part of the site's navigation names."""
    if isinstance(nav, str):
        return {nav}
    parts = nav.values() if isinstance(nav, dict) else nav
    return set().union(*(pages_of(part) for part in parts))  # type: ignore[attr-defined]


def test_the_site_has_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    assert pages - pages_of(yaml.safe_load(nav)) == set(), "name it in mkdocs.yml"


def commands_in(page: Path) -> Iterator[list[str]]:
    """The words of each command line in a page's code, without comments."""
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    for line in (*lines, *re.findall(r"`([^`]+)`", outside)):
        words = line.split(" #")[0].split()
        if words[:1] == ["viewfinder"] and len(words) > 1:
            yield words


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_pages_name_only_commands_and_options_that_exist(page: Path) -> None:
    sections = re.split(r"^## ", COMMANDS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    help_pages = {section.partition("\n")[0]: section for section in sections}
    for words in commands_in(page):
        names = [" ".join(words[:count]) for count in (3, 2, 1)]
        known = next(name for name in names if name in help_pages)
        assert known != "viewfinder" or words[1].startswith("--"), f"{words}: no such command"
        for option in (word for word in words if word.startswith("--")):
            assert option in help_pages[known], f"{words}: no {option}"


def test_the_first_hour_runs(viewfinder: Command, tmp_path: Path, exports: None) -> None:
    write_named("pets photo.jpg", tmp_path)
    quick = {"train": ["--recipe", "digits", "--set", "training.epochs=2"]}
    lines = [words for words in commands_in(ROOT / "README.md") if "--resume" not in words]
    for _, command, *words in lines:
        further = [] if "--dry-run" in words else quick.get(command, [])
        ended = viewfinder(command, *words, *further)
        assert ended.code == 0, ended.err
        assert ended.out
    assert {path.name for path in tmp_path.iterdir()} >= {"audit.html", "pets.dataset", "runs"}


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_named("pets photo.jpg", tmp_path)
    monkeypatch.chdir(tmp_path)
    (whole,) = blocks(ROOT / "README.md", "python")
    (own_fit,) = blocks(ROOT / "docs" / "path-of-a-picture.md", "python")
    names: dict[str, object] = {}
    exec(whole.replace('"training.augment"', '"training.epochs": 2, "training.augment"'), names)
    assert names["answer"].label in ("cats", "dogs")  # type: ignore[attr-defined]
    names["model"] = names["run"].model  # type: ignore[attr-defined]
    names["model"].compile("sgd", "binary_crossentropy")  # type: ignore[attr-defined]
    exec(own_fit, names)
