"""What every command keeps, held over one table: results, errors, exit codes, help.

A command without a row in `CASES` fails the first test. Options need no rows: each is tried with a
value that it cannot take, but for those in `TAKE_ANY_TEXT`.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from commands import Ended, schemas
from folders import files_below
from small import SMALL, copied
from viewfinder.cli import main

pytestmark = pytest.mark.usefixtures("blank_plots")


@dataclass(frozen=True)
class Case:
    """A run of a command that succeeds in the folder that `place` fills.

    Attributes:
        arguments: In the order of the command's own.
        options: Further words.
    """

    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.arguments, *self.options)


# The augmentation as a flag: --set would decide over a wrong one.
SETTINGS = {**SMALL, "training.epochs": 1}
del SETTINGS["training.augment"]
BRIEF = ("--augment", "none", *(f"--set={key}={value}" for key, value in SETTINGS.items()))
CASES = {
    "audit": Case(("data",)),
    "clean": Case(("data",), ("--output", "cleaned.dataset")),
    "split": Case(("data",), ("--output", "split.dataset")),
    "journal": Case(("saved.dataset",)),
    "materialize": Case(("data",), ("--output", "folders")),
    "features": Case(("data",), ("--base", "run/best.keras")),
    "crops": Case(("data",), ("--seeds", "1", *BRIEF)),
    "lr-find": Case(("data",), ("--steps", "10", *BRIEF)),
    "train": Case(("data",), BRIEF),
    "doctor": Case(("run",)),
    "compare": Case(("run", "other")),
    "predict": Case(("run", "data/test")),
    "serve": Case(("run",)),
    "evaluate": Case(("run",)),
    "bundle": Case(("run",), ("--output", "new.bundle")),
    "verify": Case(("whole.bundle",)),
    "export": Case(("run",), ("--output", "exported")),
    "convolve": Case(("data/test/0/0396.png",), ("--filter", "sobel-x", "--pool", "max")),
    "explain": Case(("run", "data/test/0"), ("--class", "all", "--raw", "maps.npz")),
    "preview": Case(("data",), ("--pictures", "2", "--versions", "2")),
    "recipes": Case(),
    "bases": Case(),
    "demo": Case(("demo",)),
    "cache list": Case(),
    "cache clear": Case(),
    "migrate": Case(("script.py",)),
    "datasets": Case(),
    "fetch": Case(("digits",)),
}
# One trains on 1,797 pictures, the other does not end; tests/cli/test_runs.py and test_serve.py
# run them.
LONG = {"demo", "serve"}
# Further documents. That of `train --folds` is held in tests/cli/test_folds_command.py.
MORE_DOCUMENTS = {
    "evaluate --split": (
        *("evaluate", "run", "--split", "validation", "--coverage", "0.6"),
        *("--slices", "--robustness", "--crops", "--inside", "0.6"),
    ),
    "explain --maps": ("explain", "run", "data/test/0/0396.png", "--maps"),
    "explain --channel": ("explain", "run", "data/test", "--channel", "conv_1:0"),
    "explain --crops": ("explain", "run", "data/test/0/0396.png", "--crops"),
    "journal ENTRY": ("journal", "saved.dataset", "1"),
    "journal --undo": ("journal", "saved.dataset", "--undo", "1"),
    "recipes --schema": ("recipes", "scratch", "--schema"),
    "train --dry-run": ("train", "data", *BRIEF, "--dry-run"),
    "train --dry-run --recipe auto": ("train", "data", "--dry-run"),
}
# No path, pattern, number, choice, setting or known name.
WRONG = "(wrong"
TAKE_ANY_TEXT = {"--token", "--output", "--raw", "--html", "--plots", "--name", "--lists"}
WRITES_TO = {"--output", "--raw", "--html", "--plots", "--lists"}
# They train, and one run of each is enough here: that with --json.
TRAIN = {"crops", "features", "lr-find", "train"}
# It only reads there.
WRITES_NOTHING = {"datasets"}
WRONG_ARGUMENTS = {
    "data": ("none", "empty", "notes.txt", "run"),
    "run": ("none", "empty", "notes.txt", "data"),
    "runs": ("none", "empty", "notes.txt", "data"),
    "dataset": ("none", "empty", "notes.txt", "data", "run"),
    "entry": ("99", "0", "first"),
    "pictures": ("none", "*.none"),
    "picture": ("none", "empty", "notes.txt"),
    "name": ("none", "notes.txt"),
    "folder": ("notes.txt",),
    "path": ("none", "notes.txt"),
}
# Packages of the extras; a light install has none of them.
OPTIONAL = {
    *("keras", "tensorflow", "jax", "torch", "h5py", "onnx", "tf2onnx", "libcst"),
    "openvino",
    *("pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "jinja2", "xxhash", "threadpoolctl"),
}
WITHOUT_OPTIONAL_PACKAGES = {
    *("predict", "verify", "recipes", "bases", "datasets"),
}
HEAVY = {
    *("keras", "tensorflow", "jax", "torch", "onnxruntime"),
    *("pandas", "matplotlib", "sklearn", "scipy", "pyarrow", "cv2"),
}


def leaves(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Every command below this one, by its words."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, *words, name)
    if not hasattr(command, "commands"):
        yield " ".join(words), command


COMMANDS = dict(leaves(typer.main.get_command(main)))


def flags(name: str) -> set[str]:
    """All options of a command, as they are typed."""
    return {flag for option in COMMANDS[name].params for flag in option.opts}


def takes(name: str, kind: str) -> list[Any]:
    """A command's parameters of a kind, `argument` or `option`, that take a value."""
    parameters = [one for one in COMMANDS[name].params if one.param_type_name == kind]
    return [one for one in parameters if not getattr(one, "is_flag", False)]


def words_of(name: str, case: Case | None = None) -> list[str]:
    """The command with its case's words, for machines where it can do that."""
    case = case or CASES[name]
    return [*name.split(), *case.words, *(["--json"] if "--json" in flags(name) else [])]


@pytest.fixture(scope="module")
def filled(digits, trained, tmp_path_factory) -> Path:
    """A folder with data, two runs, a saved dataset, and what is none of them."""
    folder = tmp_path_factory.mktemp("filled")
    copied(digits, folder).rename(folder / "data")
    for name in ("run", "other"):
        copied(trained.folder, folder).rename(folder / name)
    (folder / "notes.txt").write_text("no picture, no run")
    (folder / "script.py").write_text("model.fit_generator(pictures)\n")
    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.chdir(folder)
        fix = ("--fix", "none", "--quarantine", "test/0/0396.png", "--quiet")
        main(["clean", "data", "--output", "saved.dataset", *fix], standalone_mode=False)
        main(["bundle", "run", "--output", "whole.bundle"], standalone_mode=False)
    return folder


@pytest.fixture
def place(filled, viewfinder, tmp_path, monkeypatch) -> Path:
    """The current folder, filled; commands may write to it."""
    folder = copied(filled, tmp_path)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def refusing(filled, viewfinder, monkeypatch) -> Path:
    """The current folder, filled, of all commands that are to be refused."""
    monkeypatch.chdir(filled)
    return filled


def require_refused(ended: Ended, *codes: int) -> None:
    """Hold that it ended with one of these codes, one message that helps, and no results."""
    assert ended.code in codes, (ended.code, ended.out, ended.err)
    assert ended.out == ""
    assert "Traceback" not in ended.err
    by_typer = ended.err.startswith("Usage: ") and ended.err.count(" Error ") == 1
    parts = [f"\n  {part}: " for part in ("Expected", "Received", "Remedy")]
    by_library = ended.err.count("Error: ") == 1 and any(part in ended.err for part in parts)
    assert by_typer or by_library, ended.err


def test_every_command_has_a_case_and_every_document_is_held():
    assert set(CASES) == set(COMMANDS)
    with_json = {name for name in COMMANDS if "--json" in flags(name)}
    assert with_json | set(MORE_DOCUMENTS) | {"train --folds"} == set(schemas()["DOCUMENTS"])


@pytest.mark.parametrize("name", [name for name in CASES if "--json" in flags(name)])
def test_json_is_one_document_of_its_schema_though_progress_is_shown(viewfinder, place, name):
    verbose = ["--verbose"] if "--verbose" in flags(name) else []
    ended = viewfinder(*words_of(name), *verbose)
    assert ended.code == 0, ended.err
    ended.document(name)


@pytest.mark.parametrize("document", MORE_DOCUMENTS)
def test_json_of_further_documents(viewfinder, place, document):
    ended = viewfinder(*MORE_DOCUMENTS[document], "--json")
    assert ended.code == 0, ended.err
    ended.document(document)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in TRAIN else ())
        for name in CASES
        if name not in LONG
    ],
)
def test_a_quiet_command_prints_its_result_and_nothing_else(viewfinder, place, name):
    quiet = ["--quiet"] if "--quiet" in flags(name) else []
    ended = viewfinder(*name.split(), *CASES[name].words, *quiet)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    assert ended.out.strip()


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_option_ends_in_2(viewfinder, refusing, name):
    require_refused(viewfinder(*words_of(name), "--wrong"), 2)


@pytest.mark.parametrize(
    "name", [name for name in CASES if any(one.required for one in COMMANDS[name].params)]
)
def test_a_missing_argument_ends_in_2(viewfinder, refusing, name):
    require_refused(viewfinder(*name.split()), 2)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        (name, option.opts[0])
        for name in CASES
        for option in takes(name, "option")
        if option.opts[0] not in TAKE_ANY_TEXT
    ],
)
def test_a_wrong_value_is_refused(viewfinder, refusing, name, option):
    require_refused(viewfinder(*words_of(name), option, WRONG), 2, 3)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        (name, option)
        for name in CASES
        for option in sorted(WRITES_TO & flags(name))
        if name not in WRITES_NOTHING
    ],
)
def test_a_path_that_cannot_be_written_ends_in_2(viewfinder, refusing, name, option):
    require_refused(viewfinder(*words_of(name), option, "notes.txt/new"), 2)


@pytest.mark.parametrize(
    ("name", "position", "wrong"),
    [
        (name, position, wrong)
        for name in CASES
        for position, argument in enumerate(takes(name, "argument"))
        for wrong in WRONG_ARGUMENTS[argument.name]
    ],
)
def test_a_wrong_argument_is_refused(viewfinder, refusing, name, position, wrong):
    arguments = list(CASES[name].arguments)
    arguments[position : position + 1] = [wrong]
    case = Case(tuple(arguments), CASES[name].options)
    require_refused(viewfinder(*words_of(name, case)), 2, 3)


DAMAGES = {
    "no text": b"\x89\xff\0",
    **{"missing": None, "empty": b"", "no keys": b"{}", "a list": b"[]"},
}
# Written for people; no command reads them.
DRAWN = {".png", ".svg", ".html", ".md"}
READERS = {
    "doctor": ("run",),
    "compare": ("run", "other"),
    "predict": ("run", "data/test"),
    "evaluate": ("run", "--report-only"),
    "journal": ("saved.dataset",),
    "audit": ("saved.dataset",),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "damage",
    ["no text", *(pytest.param(one, marks=pytest.mark.slow) for one in list(DAMAGES)[1:])],
)
def test_a_damaged_file_is_refused_or_has_no_effect(viewfinder, filled, place, name, damage):
    folder = Path(READERS[name][0])
    files = [Path(path) for path in sorted(files_below(filled / folder))]
    for path in (path for path in files if path.suffix not in DRAWN):
        shutil.rmtree(folder)
        shutil.copytree(filled / folder, folder)
        damaged, content = folder / path, DAMAGES[damage]
        damaged.unlink() if content is None else damaged.write_bytes(content)
        ended = viewfinder(name, *READERS[name], "--json")
        if ended.code:
            require_refused(ended, 2, 3)
        else:
            ended.document(name)


def test_without_optional_packages_each_command_works_or_gives_the_pip_line(filled, tmp_path):
    folder = copied(filled, tmp_path)
    script = (
        "import contextlib, io, json, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(OPTIONAL)!r}))\n"
        "from viewfinder.cli import main\n"
        f"for words in {[[*name.split(), *case.words] for name, case in CASES.items()]!r}:\n"
        "    err = io.StringIO()\n"
        "    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):\n"
        "        try: main(words, prog_name='viewfinder')\n"
        "        except SystemExit as ended: code = ended.code\n"
        "    print(json.dumps([code, err.getvalue()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=True
    )
    ended = dict(zip(CASES, map(json.loads, done.stdout.splitlines()), strict=True))
    assert {name for name, (code, _) in ended.items() if code == 0} >= WITHOUT_OPTIONAL_PACKAGES
    for name, (code, err) in ended.items():
        if code:
            assert code == 2, (name, err)
            assert err.count("Error: ") == 1
            assert "is not installed" in err
            assert "pip install 'viewfinder[" in err
    assert all("'viewfinder[cpu]'" in ended[name][1] for name in ("train", "demo", "explain"))
    assert all("'viewfinder[evaluate]'" in ended[name][1] for name in ("evaluate", "audit"))


def test_help_is_there_at_once_for_every_command():
    script = (
        "import sys\n"
        "from viewfinder.cli import main\n"
        f"for words in {[[*name.split(), '--help'] for name in COMMANDS]!r}:\n"
        "    try: main(words, prog_name='viewfinder')\n"
        "    except SystemExit as ended: assert ended.code == 0, words\n"
        f"print(*({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == []
    for name in COMMANDS:
        assert f"viewfinder {name} [OPTIONS]" in done.stdout
