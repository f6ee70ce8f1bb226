"""What every test gets: a cache of its own. And what is made once for all: a small run."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# A machine that is busy with other things is no fault of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

if TYPE_CHECKING:
    from viewfinder.run import Run


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep each test's cache apart from the user's and from other tests'."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("VIEWFINDER_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of scikit-learn's digits as a folder: 0, 1 and 2, in `train` and `test`."""
    from small import write_few_digits

    return write_few_digits(tmp_path_factory.mktemp("data") / "digits", classes=3)


@pytest.fixture(scope="session")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A run on these digits. Tests only read it; those that write take a copy."""
    from small import small_recipe
    from viewfinder.data.sources import open_dataset
    from viewfinder.pipeline import train
    from viewfinder.progress import Progress

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIEWFINDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        runs = tmp_path_factory.mktemp("runs")
        return train(open_dataset(digits), small_recipe(), output=runs, progress=Progress(0))
