"""How good a linear head on frozen features is with few pictures: accuracy by pictures a class.

    python benchmarks/learning_curve.py [--weights FILE] [--base EfficientNetLite0] [--draws 10]
        [--counts 50] [--smoke]

Training pictures are drawn from `train/` as often as asked, the strength of regularisation is
chosen on folds of what was drawn, and each head is judged on `validation/`, which steers nothing.
Writes JSON, and a plot, to benchmarks/out/.
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np

import harness
import photos
from viewfinder import open as open_data
from viewfinder.core.progress import Progress
from viewfinder.data.store import open_store
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.compute import features_of
from viewfinder.models.features.probe import fit_probe
from viewfinder.recipe.named import recipe_named

COUNTS = (10, 25, 50, 100, 250, 500, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=photos.weights())
    parser.add_argument("--base", help="in place of MobileNetV2 of width 0.35")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--smoke", action="store_true", help="tiny input: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.draws = 2
    with tempfile.TemporaryDirectory() as scratch:
        data = photos.folder(Path(scratch), smoke=options.smoke)
        train, validation, classes = features(data, options.weights, options.base)
    largest = np.bincount(train[1]).min()
    points = []
    for count in (4, 10) if options.smoke else [one for one in options.counts if one <= largest]:
        draws = options.draws if count < largest else 1  # all of them can be drawn in one way
        accuracies = [accuracy(train, validation, classes, count, draw) for draw in range(draws)]
        points.append({"per_class": count, "accuracies": accuracies})
        print(
            f"{count:5} a class: mean {np.mean(accuracies):.4f}, "
            f"from {min(accuracies):.4f} to {max(accuracies):.4f} in {draws} draws",
            flush=True,
        )
    plot(points, harness.OUT / "learning-curve.png")
    print(f"saved {harness.save('learning-curve', [], {'points': points})}")


def features(data: Path, weights: str, base: str | None) -> tuple:
    """(features, labels) of training and of validation, and the classes' names."""
    of_mobile = {"model.base": "MobileNetV2", "model.alpha": 0.35, "model.weights": weights}
    settings = {"model.base": base} if base else of_mobile
    recipe = recipe_named("transfer").changed(settings).resolved_by_base()
    extractor = BaseExtractor.of(recipe, recipe.on_features, Progress(0))
    dataset = open_data(data)
    parts = []
    for split in ("train", "validation"):
        part = dataset.only(split)
        store = open_store(part, recipe.preprocessing)
        pictures = store.pictures(part)
        found = features_of(store.describe(part), pictures, extractor, recipe.preprocessing)
        parts.append((found, part.labels))
    return *parts, dataset.classes


def accuracy(train: tuple, validation: tuple, classes: tuple, count: int, draw: int) -> float:
    rows, labels = train
    random = np.random.default_rng(draw)
    chosen = np.concatenate(
        [
            random.choice(np.flatnonzero(labels == label), count, replace=False)
            for label in range(len(classes))
        ]
    )
    head = fit_probe(rows[chosen], labels[chosen], classes, seed=draw).head
    return float((head.probabilities(validation[0]).argmax(axis=1) == validation[1]).mean())


def plot(points: list[dict], path: Path) -> None:
    """Every draw as a dot, and a line through the means."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    counts = [point["per_class"] for point in points]
    for point in points:
        places = [point["per_class"]] * len(point["accuracies"])
        axes.plot(places, point["accuracies"], ".", color="#0b6e99", alpha=0.35, mew=0)
    means = [np.mean(point["accuracies"]) for point in points]
    axes.plot(counts, means, color="#0b6e99")
    axes.set_xscale("log")
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.set_xlabel("training pictures of each class")
    axes.set_ylabel("accuracy on the held-out pictures")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    harness.OUT.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
