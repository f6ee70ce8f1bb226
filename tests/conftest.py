"""What every test gets: a cache of its own. And what is made once for all: a small run."""

import base64
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from viewfinder.run import Run

# What a shell starts with & ignores Ctrl-C, and so does all that it starts: the tests would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's affair, and machines are shared.
settings.register_profile("viewfinder", deadline=None)
settings.load_profile("viewfinder")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep each test's cache apart from the user's and from other tests'."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("VIEWFINDER_CACHE", str(folder))
    return folder


LONG = (
    "test_other_backends.py",
    "test_folds.py",
    "test_train_job.py",
    "test_search.py",
    "test_folds_command.py",
    "test_resume.py",
    "test_fine_tune_resume.py",
    "test_resume_fine_tuning.py",
    "test_search_command.py",
    "test_resume_command.py",
    "test_train.py",
    "test_transfer_run.py",
    "test_frozen.py",
    "test_source_kinds.py",
    "test_stopping.py",
    "test_compiled.py",
    "test_real_runs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the files that take longest first, so that two processes end at nearly one time."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FgAAAABJRU5ErkJggg=="
)


@pytest.fixture
def blank_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save figures as one pixel, in tests that train and look at no plot.

    A quarter of a small training's time goes into the pixels of its plots. The figures are put
    together all the same; what fixtures of a wider scope train has its plots whole, and so have
    the runs of `test_plots_of_runs.py` and `pages/`.
    """

    def save(figure: Figure, path: Path, **_: object) -> None:
        Path(path).write_bytes(ONE_PIXEL)

    monkeypatch.setattr(Figure, "savefig", save)


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
