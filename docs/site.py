"""Writes the sources of the documentation site into `build/docs`, for `mkdocs build` (mkdocs.yml).

python docs/site.py

The pages of `docs/` are copied, with links to files outside of it pointed at their pages here. The
README becomes the first page. The gallery is made from `examples/`, the page of commands from their
help, and the reference from the public names, whose docstrings mkdocstrings reads.
"""

import re
import shutil
from pathlib import Path

import commands
import viewfinder as vf

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "docs"
SOURCES = ROOT / "build" / "src"

# Pages from outside of docs/, by the path that links name.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "examples": "gallery.md",
}
# Folders of src/viewfinder by page of the reference; "results" has the names of all others.
PARTS = {
    "data": {"fetch", "data", "audit", "clean"},
    "pictures": {"pictures", "store", "augment", "batches"},
    "training": {"recipe", "models", "features", "training", "jobs", "core"},
}
# Modules and constants, which do not know where they are.
PLACES = {
    "POLICIES": "viewfinder.augment.POLICIES",
    "RECIPES": "viewfinder.recipe.named.RECIPES",
    "callbacks": "viewfinder.training.stopping",
    "models": "viewfinder.models",
}


def write_pages() -> None:
    """The pages of docs/ and those beside it, with links between them."""
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs",
        TARGET,
        ignore=shutil.ignore_patterns("__pycache__", "c*.py", "g*.py", "site.py"),
    )
    (TARGET / "commands.md").write_text(commands.page(), encoding="utf-8")
    for name, page in OUTSIDE.items():
        if (ROOT / name).is_file():
            shutil.copyfile(ROOT / name, TARGET / page)
    for page in TARGET.rglob("*.md"):
        page.write_text(relinked(page.read_text(encoding="utf-8")), encoding="utf-8")


def relinked(text: str) -> str:
    """Links as they are on the site, where the README is inside of docs/."""
    text = re.sub(r"\]\((?:\.\./)*docs/", "](", text)
    text = re.sub(r"\]\((?:\.\./)*examples/(\w+)\.py\)", r"](gallery.md#\1)", text)
    for name, page in OUTSIDE.items():
        text = re.sub(rf"\]\((?:\.\./)*{re.escape(name)}([#)])", rf"]({page}\1", text)
    return text


def write_gallery() -> None:
    """One page with the text, the figure and the code of each example."""
    sections = ["# Gallery\n", GALLERY]
    for script in sorted((ROOT / "examples").glob("[0-9]*.py")):
        text, *cells = cells_of(script)
        title, _, words = text.removeprefix("# ").partition("\n")
        sections.append(f"## {title} {{#{script.stem}}}\n\n{words.strip()}\n")
        figures = sorted((ROOT / "docs" / "gallery").glob(f"{script.stem}-*.png"))
        sections += [f"![{title}](gallery/{figure.name})\n" for figure in figures]
        code = "\n\n".join(cells)
        sections.append(f"`examples/{script.name}`:\n\n```python\n{code}\n```\n")
    (TARGET / "gallery.md").write_text("\n".join(sections), encoding="utf-8")


GALLERY = """\
The course's systems, each one short file in `examples/`. `python examples/NAME.py` runs one on
generated pictures, `--fetch` on the dataset that it names, `--data FOLDER` on yours.
`make examples` runs all on their datasets and writes notebooks. The figures on this page show
generated pictures and scikit-learn's digits; the stated results are those of the named datasets.
"""


def cells_of(script: Path) -> list[str]:
    """The cells of a file in percent format; text without its comment signs."""
    found = []
    for cell in re.split(r"^# %%", script.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        kind, _, body = cell.partition("\n")
        if "markdown" in kind:
            body = re.sub(r"^# ?", "", body, flags=re.MULTILINE)
        found.append(body.strip())
    return found


def write_reference() -> None:
    """A page for each part of the public names, and the sources that mkdocstrings reads."""
    pages: dict[str, list[str]] = {}
    for name in vf.__all__:
        value = getattr(vf, name)
        place = PLACES.get(name) or f"{value.__module__}.{value.__qualname__}"
        folder = place.split(".")[1]
        part = next((part for part, folders in PARTS.items() if folder in folders), "results")
        page = pages.setdefault(part, [f"# Python: {part}\n"])
        page.append(f"## vf.{name} {{ #{part}-{name} }}\n\n::: {place}\n")
    for part, sections in pages.items():
        path = TARGET / "reference" / f"{part}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(sections), encoding="utf-8")
    shutil.rmtree(SOURCES, ignore_errors=True)
    shutil.copytree(ROOT / "src" / "viewfinder", SOURCES / "viewfinder")
    for source in SOURCES.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        # Sphinx's roles, which mkdocstrings shows as they are.
        source.write_text(re.sub(r":[a-z]+:(`[^`]+`)", r"\1", text), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
    write_gallery()
    write_reference()
    print(f"wrote {TARGET}")
