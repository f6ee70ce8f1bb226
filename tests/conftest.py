"""A cache for each test, the command line, and a small run that tests share."""

import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from commands import Command, Ended
from shortcuts import SAVE_PNG, SAVE_SVG, leave_out_exports, leave_out_plots

if TYPE_CHECKING:
    from viewfinder.run import Run

# What a shell starts with & ignores Ctrl-C, and so does all that it starts: the tests would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline, because machines are shared. Every run draws other examples, so 40 are enough.
settings.register_profile("viewfinder", deadline=None, max_examples=40)
settings.load_profile("viewfinder")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep each test's cache apart from the user's and from other tests'."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("VIEWFINDER_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for a module whose runs share exports and features; with `shared_cache`."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shared_cache(module_cache: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWFINDER_CACHE", str(module_cache))


LONG = (
    "test_install.py",
    "test_other_backends.py",
    "test_resume_command.py",
    "test_blocks.py",
    "test_real_features.py",
    "test_examples.py",
    "test_benchmarks.py",
    "test_folds.py",
    "test_train_job.py",
    "test_search.py",
    "test_folds_command.py",
    "test_resume.py",
    "test_fine_tune_resume.py",
    "test_resume_fine_tuning.py",
    "test_search_command.py",
    "test_train.py",
    "test_transfer_run.py",
    "test_heads.py",
    "test_command_contract.py",
    "test_report.py",
    "test_source_kinds.py",
    "test_stopping.py",
    "test_real_runs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the files that take longest first, so that two processes end at nearly one time."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


def pytest_collection_finish() -> None:
    """Keep all that is imported by now out of garbage collection: a tenth of a training's time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def blank_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save figures as one pixel, and put those of reports not together: a third of a training.

    Fixtures of a wider scope have their plots whole, and tests that look at plots request
    `whole_plots` or, for those in pages, `svg_plots`; `composed_plots` puts them together only.
    """
    is_composed = {"composed_plots", "svg_plots"} & set(request.fixturenames)
    leave_out_plots(monkeypatch, composed=bool(is_composed))


@pytest.fixture(autouse=True)
def no_exports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings write no `model.onnx`, which takes half a second of each; `trained` has one."""
    if "exports" not in request.fixturenames:
        leave_out_exports(monkeypatch)


@pytest.fixture
def exports() -> None:
    """Trainings write `model.onnx`, and evaluate with it, as `trained` did."""


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights of EfficientNetLite0, which would be the default base, are not installed."""
    monkeypatch.setattr("viewfinder.bases.from_wheel.find_spec", lambda _: None)


@pytest.fixture
def composed_plots() -> None:
    """Put the figures of reports together; see `blank_plots`."""


@pytest.fixture
def svg_plots(blank_plots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save SVG whole."""
    monkeypatch.setattr(FigureCanvasSVG, "print_figure", SAVE_SVG)


@pytest.fixture
def whole_plots(svg_plots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save PNG and SVG whole."""
    monkeypatch.setattr(Figure, "savefig", SAVE_PNG)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of scikit-learn's digits as a folder: 0, 1 and 2, in `train` and `test`."""
    from small import write_few_digits

    return write_few_digits(tmp_path_factory.mktemp("data") / "digits", classes=3)


@pytest.fixture(scope="session")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A run on these digits. Tests only read it; those that write take a copy."""
    from small import small_recipe
    from viewfinder.core.progress import Progress
    from viewfinder.data.sources import open_dataset
    from viewfinder.jobs.train import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        runs = tmp_path_factory.mktemp("runs")
        return train(open_dataset(digits), small_recipe(), output=runs, progress=Progress(0))


@pytest.fixture
def viewfinder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Run `viewfinder …` in an empty folder; whatever escapes as an exception fails the test."""
    from viewfinder.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words], prog_name="viewfinder")
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err  # no colours in pipes
        return Ended(int(ended.value.code or 0), out, err)

    return run
