"""`model-card.md`: a card for sharing the model, with the front matter of Hugging Face."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from viewfinder.classifier.files import CARD
from viewfinder.core.files import named, write_text
from viewfinder.pages.parts.environment import page_environment
from viewfinder.pages.parts.words import drawable
from viewfinder.pages.report.report import Report
from viewfinder.recipe.transfer import Transfer

_HERE = Path(__file__).parent
# What Markdown or HTML would read as markup.
_MARKUP = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_[]<>|#$"})
_VERSIONS = ("viewfinder", "keras", "tensorflow-cpu", "jax", "torch", "onnxruntime", "numpy")


def write_card(report: Report, content: Mapping[str, Any]) -> Path:
    """Write `model-card.md` into the run's folder: results with intervals, limits, data and use.

    The keys of its front matter are those of
    https://huggingface.co/docs/hub/model-cards#model-card-metadata. Licence and language are left
    to the owner, who knows them.

    Args:
        report: The run.
        content: What the page shows, too.

    Raises:
        OutputError: The folder cannot be written.
    """
    import yaml

    model, pixels = report.recipe.model, report.recipe.preprocessing
    text = (
        _environment()
        .get_template("model-card.md.j2")
        .render(
            **content,
            front=yaml.safe_dump(_front(report), sort_keys=False, allow_unicode=True),
            base=model.built_on.name if isinstance(model, Transfer) else "",
            colour="gray" if pixels.color == "gray" else "colour",
            height=pixels.height,
            width=pixels.width,
            versions=_versions(report.environment),
        )
    )
    path = report.folder / CARD
    write_text(path, drawable(text))
    return path


@cache
def _environment() -> Environment:
    environment = page_environment(_HERE).overlay(autoescape=False)
    environment.filters["plain"] = _plain
    return environment


def _versions(environment: Mapping[str, Any]) -> list[str]:
    versions = environment.get("versions", {})
    return [f"{name} {versions[name]}" for name in _VERSIONS if name in versions]


def _front(report: Report) -> dict[str, Any]:
    front = {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "viewfinder"],
    }
    if report.figures is None:
        return front
    found = report.figures
    result = {
        "task": {"type": "image-classification"},
        "dataset": {
            "name": named(str(report.source)).name,
            "type": "imagefolder",
            "split": report.headline_split,
        },
        "metrics": [
            {"type": "accuracy", "value": round(found.accuracy.value, 4)},
            {"type": "f1", "name": "macro F1", "value": round(found.macro_f1.value, 4)},
        ],
    }
    return {**front, "model-index": [{"name": report.name, "results": [result]}]}


def _plain(text: str) -> str:
    """Text on one line that Markdown does not read as markup."""
    return " ".join(text.split()).translate(_MARKUP)
