"""The public names: documented, typed, found where they say, and free until they are used."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import viewfinder


def typed_names() -> set[str]:
    """The names that type checkers see: those imported under TYPE_CHECKING."""
    tree = ast.parse(inspect.getsource(viewfinder))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name
        for node in imports
        if node.module != "typing"
        for alias in node.names
    }


def test_lists_of_names_agree():
    assert set(viewfinder.__all__) == typed_names()
    assert viewfinder.__all__ == sorted(
        viewfinder.__all__, key=lambda name: (name.upper() != name, name[0].islower(), name)
    )
    assert set(dir(viewfinder)) >= set(viewfinder.__all__)


@pytest.mark.parametrize("name", viewfinder.__all__)
def test_every_name_is_there_and_documented(name):
    value = getattr(viewfinder, name)
    assert value is getattr(viewfinder, name)
    if callable(value):
        assert inspect.getdoc(value)


def test_a_function_stays_when_a_subpackage_of_its_name_is_imported():
    rooms = {path.name for path in Path(viewfinder.__file__).parent.iterdir() if path.is_dir()}
    shared = sorted(rooms & set(viewfinder.__all__) - {"models"})
    assert {"audit", "clean", "fetch"} <= set(shared)
    imports = "; ".join(f"import viewfinder.{name}" for name in shared)
    script = f"{imports}; print(all(map(callable, [viewfinder.{', viewfinder.'.join(shared)}])))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"]


def test_the_docstring_names_the_verbs_of_the_issue():
    for verb in ("open", "split", "train", "load", "predict"):
        assert verb in (viewfinder.__doc__ or "")
    assert callable(viewfinder.open)
    assert callable(viewfinder.Dataset.split)
    for name in ("history", "model", "evaluate", "report"):
        assert hasattr(viewfinder.Run, name)
    assert callable(viewfinder.Classifier.predict)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'viewfinder' has no attribute 'trian'"):
        viewfinder.trian  # noqa: B018
    with pytest.raises(ImportError):
        from viewfinder import trian  # noqa: F401


HEAVY = "keras", "tensorflow", "jax", "torch", "pandas", "matplotlib", "sklearn", "cv2", "PIL"


def test_the_package_loads_nothing_heavy_and_its_building_blocks_no_backend():
    """Whoever feeds another framework with them needs none of ours."""
    script = (
        "import viewfinder as vf, sys\n"
        "dir(vf)\n"
        f"print(*({set(HEAVY)!r} & sys.modules.keys()))\n"
        "vf.open, vf.decode, vf.prepare, vf.open_store, vf.Batches, vf.make_plan, vf.Recipe\n"
        "print(*({'keras', 'tensorflow', 'jax', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_a_dry_run_and_an_audit_load_no_library_that_takes_seconds(tmp_path):
    """Names with tokens too, for which a linear classifier is fitted on folds of series."""
    for number in range(48):
        folder = tmp_path / "pets" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        level = 40 * (number // 8) + number % 8
        pixels = np.random.default_rng(number).integers(level, level + 16, (32, 32, 3))
        name = f"p{number // 8}_{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
    script = (
        "import sys\nfrom viewfinder.cli import main\n"
        "for words in (['train', 'pets', '--dry-run'], ['audit', 'pets', '--json']):\n"
        "    main(words, standalone_mode=False)\n"
        "slow = {'keras', 'tensorflow', 'sklearn', 'scipy.stats', 'matplotlib', 'onnx'}\n"
        "print('loaded', *(slow & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "unnamed series" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded"
