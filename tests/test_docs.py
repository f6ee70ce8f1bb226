"""The docs are run: Python in the README, commands it names, links, the page of help texts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def write_pets(folder: Path) -> None:
    random = np.random.default_rng(0)
    for label, level in (("cats", 60), ("dogs", 180)):
        (folder / "pets" / label).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(level - 50, level + 50, (40, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pets" / label / f"{number}.png")
    Image.fromarray(pixels).save(folder / "photo.jpg")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


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
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert shown.stdout == written, "python docs/commands.py writes it again"


def test_readme_names_only_commands_and_options_that_exist() -> None:
    known = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for line in blocks(ROOT / "README.md", "")[1].splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        section = known.split(f"## viewfinder {words[1]}\n")
        assert len(section) == 2, f"{line}: no such command"
        help_page = section[1].split("\n## ")[0]
        for option in (word for word in words if word.startswith("--")):
            assert option in help_page, f"{line}: no {option}"


def test_readme_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pets(tmp_path)
    monkeypatch.chdir(tmp_path)
    whole, own_fit = blocks(ROOT / "README.md", "python")
    names: dict[str, object] = {}
    exec(whole.replace('"training.augment"', '"training.epochs": 2, "training.augment"'), names)
    assert names["answer"].label in ("cats", "dogs")  # type: ignore[attr-defined]
    names["model"] = names["run"].model  # type: ignore[attr-defined]
    names["model"].compile("sgd", "binary_crossentropy")  # type: ignore[attr-defined]
    exec(own_fit, names)
