"""The model card of a bundle, in Markdown, from the run's own files."""

import json
from collections.abc import Iterator
from typing import Any

from viewfinder.core.errors import RunError
from viewfinder.evaluation.doctor import diagnose
from viewfinder.evaluation.doctor.case import case_of
from viewfinder.run import Run


def model_card(run: Run) -> str:
    """Return what a user of the model should know: its task, data, figures and limits."""
    return "\n".join([*_task(run), *_figures(run), *_limits(run), *_origin(run)]) + "\n"


def _task(run: Run) -> Iterator[str]:
    facts = run.recipe.preprocessing
    color = "in colour" if facts.color == "rgb" else "in gray"
    yield f"# {_plain(run.name)}"
    yield ""
    yield f"Classifies a picture as one of {len(run.classes)} classes:"
    yield ", ".join(map(_plain, run.classes)) + "."
    yield ""
    yield f"Pictures are prepared as {facts.width} × {facts.height} pixels {color} "
    yield f"(resize: {facts.resize}). `labels.json` states the preprocessing, and every program "
    yield "that loads this bundle with Viewfinder applies it."


def _figures(run: Run) -> Iterator[str]:
    yield from ("", "## Figures", "")
    if not run.is_evaluated:
        yield "The model has not been evaluated."
        return
    metrics = run.metrics
    splits = [name for name in ("test", "validation", "train") if name in metrics]
    yield "| split | pictures | accuracy | 95 % interval | macro F1 |"
    yield "|---|---|---|---|---|"
    for name in splits:
        one = metrics[name]
        low, high = one["accuracy_interval"]
        yield (
            f"| {name} | {one['count']:,} | {one['accuracy']:.1%} | {low:.1%} to {high:.1%} "
            f"| {one['macro_f1']:.3f} |"
        )
    yield ""
    yield f"By class, on {splits[0]}:"
    yield ""
    yield "| class | pictures | precision | recall |"
    yield "|---|---|---|---|"
    for row in metrics[splits[0]]["per_class"]:
        figures = f"{_share(row['precision'])} | {_share(row['recall'])}"
        yield f"| {_plain(row['name'])} | {row['support']:,} | {figures} |"


def _limits(run: Run) -> Iterator[str]:
    yield from ("", "## Limits", "")
    yield "The model gives one of its classes for any picture, also for one of none of them. The "
    yield "figures hold for pictures like those of the run, and not for others."
    try:
        verdicts = diagnose(case_of(run)).verdicts
    except RunError:  # stopped before the first epoch has ended
        return
    yield ""
    for verdict in verdicts:
        yield f"- {_plain(verdict.sentence)}"


def _origin(run: Run) -> Iterator[str]:
    environment = run.environment
    versions = environment.get("versions", {})
    names = ("viewfinder", "keras", "tensorflow-cpu", "jax", "torch", "numpy")
    used = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    yield from ("", "## Origin", "")
    yield f"- Trained: {environment.get('created', 'unknown')}, with {_plain(used) or 'unknown'}"
    yield f"- Data: {_described(environment['data'])}"
    yield "- Recipe: `recipe.yaml`"


def _described(data: dict[str, Any]) -> str:
    count = data.get("pictures")
    pictures = f"{count:,} pictures, " if isinstance(count, int) else ""
    return f"{pictures}hash of pictures and splits {json.dumps(data['hash'])}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _plain(text: str) -> str:
    """Return text without line breaks and signs that Markdown would take for its own."""
    return "".join(f"\\{sign}" if sign in "|`*_<>[]#" else sign for sign in " ".join(text.split()))
