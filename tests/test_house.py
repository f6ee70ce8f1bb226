"""No import cycles, whether between files or between the folders and files at the top level.

Imports inside functions and under `TYPE_CHECKING` count: they too say who knows whom.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"

Graph = dict[str, set[str]]


def modules_below(src: Path) -> dict[str, Path]:
    """The files below a source folder by dotted name; that of `__init__.py` is its package's."""
    names = {}
    for path in src.rglob("*.py"):
        parts = path.relative_to(src).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imported_names(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph_of_files(src: Path) -> Graph:
    """Which of the files below `src` each file imports."""
    modules = modules_below(src)
    graph: Graph = {}
    for module, path in modules.items():
        names = set(imported_names(path))
        owners = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module] = owners & modules.keys() - {module}
    return graph


def graph_of_rooms(files: Mapping[str, set[str]]) -> Graph:
    """The same between the top-level folders and files of the package."""
    rooms: Graph = {}
    for module, imported in files.items():
        room = ".".join(module.split(".")[:2])
        others = {".".join(name.split(".")[:2]) for name in imported}
        rooms.setdefault(room, set()).update(others - {room})
    return rooms


def cycle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """The names along a cycle, the first one again at the end; empty without a cycle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_cycle_between_files() -> None:
    files = graph_of_files(SRC)
    assert {"viewfinder.core.errors", "viewfinder.data.dataset"} <= files.keys()
    assert "viewfinder.core.errors" in files["viewfinder.data.dataset"]
    assert cycle_in(files) == []


def test_no_cycle_between_rooms() -> None:
    rooms = graph_of_rooms(graph_of_files(SRC))
    assert "viewfinder.core" in rooms["viewfinder.data"]
    assert cycle_in(rooms) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from p.b import B", "import p.a"),
        ("from p.b import B", "def f():\n    from p.a import A"),
        ("import p.b", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import a"),
    ],
)
def test_cycles_are_found_wherever_the_import_stands(
    tmp_path: Path, first: str, second: str
) -> None:
    (tmp_path / "p").mkdir()
    for name, text in (("__init__", ""), ("a", first), ("b", second)):
        (tmp_path / f"p/{name}.py").write_text(text)
    files = graph_of_files(tmp_path)
    assert set(cycle_in(files)) == {"p.a", "p.b"}
    assert set(cycle_in(graph_of_rooms(files))) == {"p.a", "p.b"}


def test_a_module_that_imports_its_package_is_a_cycle(tmp_path: Path) -> None:
    (tmp_path / "p/q").mkdir(parents=True)
    for name, text in (("__init__", "from p.q.a import A"), ("a", "from p.q import B")):
        (tmp_path / f"p/q/{name}.py").write_text(text)
    files = graph_of_files(tmp_path)
    assert set(cycle_in(files)) == {"p.q", "p.q.a"}
    assert cycle_in(graph_of_rooms(files)) == []


def test_test_files_have_different_names() -> None:
    """Pytest imports each by its name alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
