"""How faithful maps are: the pointing test, deletion and insertion, and the seconds they take.

    python benchmarks/explain.py RUN FIRST SECOND [--methods grad-cam hirescam] [--pictures N]
    python benchmarks/explain.py --smoke

FIRST and SECOND are folders with pictures of two of the run's classes, named as these.

Pointing: a picture of each class side by side; the map of each class should peak on its own half.
Deletion and insertion: areas under the curves of the answer's probability as blocks of 16 × 16
pixels are blurred, or put into the blurred picture, in the map's order and in a random one.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import harness
from faithfulness import deletion_insertion
from viewfinder.classifier import Classifier
from viewfinder.explain.attribution import Method, explain, explain_images
from viewfinder.explain.crops import crop_map
from viewfinder.explain.reading import plain_pixels
from viewfinder.models.opening import load
from viewfinder.pictures.preprocessing import Preprocessing
from viewfinder.pictures.resize import resize

SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--methods", nargs="+", choices=list(Method), default=[Method.GRAD_CAM])
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    if given.smoke:
        classifier, pairs, given.pictures = *smoke(), 2
    else:
        classifier = load(given.run)
        files = [sorted(folder.iterdir())[: given.pictures] for folder in given.folders]
        pairs = {
            folder.name: [plain_pixels(file) for file in some]
            for folder, some in zip(given.folders, files, strict=True)
        }
    results = {}
    for method in given.methods:
        results[method] = measured(classifier, pairs, method, given.pictures)
        print(f"{method}: {json.dumps(results[method])}", flush=True)
    harness.OUT.mkdir(exist_ok=True)
    path = harness.OUT / "explain.json"
    path.write_text(json.dumps(results, indent=2))
    print(f"saved {path}")


def measured(
    classifier: Classifier, pairs: dict[str, list[np.ndarray]], method: Method, count: int
) -> dict[str, float]:
    mixed = [one for pair in zip(*pairs.values(), strict=True) for one in pair][:count]
    began = time.process_time()
    found = explain(classifier, mixed, method=method)
    seconds = time.process_time() - began
    by_map = np.array([deletion_insertion(classifier, one) for one in found])
    random = np.array(
        [deletion_insertion(classifier, one, random_seed=seed) for seed, one in enumerate(found)]
    )
    (deletion, insertion), (deletion_0, insertion_0) = by_map.mean(axis=0), random.mean(axis=0)
    began = time.process_time()
    crop_map(classifier, mixed[0])
    of_crops = time.process_time() - began
    return {
        "pictures": len(found),
        "cpu_seconds": seconds,
        "pointing": pointing(classifier, pairs, method),
        "deletion": deletion,
        "deletion_random": deletion_0,
        "deletion_below": 1 - deletion / deletion_0,
        "insertion": insertion,
        "insertion_random": insertion_0,
        "insertion_above": insertion / insertion_0 - 1,
        "crops_cpu_seconds": of_crops,
    }


def pointing(classifier: Classifier, pairs: dict[str, list[np.ndarray]], method: Method) -> float:
    """The share of maps that peak on the half of their class; sides take turns."""
    names = list(pairs)
    inputs, sides = [], []
    for number, both in enumerate(zip(*pairs.values(), strict=True)):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        inputs.append(resize(beside([both[one] for one in order]), classifier.preprocessing))
        sides.append({names[one]: side for side, one in enumerate(order)})
    labels = [str(number) for number in range(len(inputs))]
    found = explain_images(classifier, labels, inputs, method=method, classes=names)
    middle = classifier.preprocessing.width / 2
    right = [(one.peak[1] >= middle) == bool(sides[int(one.picture)][one.label]) for one in found]
    return float(np.mean(right))


def beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    halves = Preprocessing(height=SIDE, width=SIDE)
    return np.concatenate([resize(picture, halves) for picture in pictures], axis=1)


def smoke() -> tuple[Classifier, dict[str, list[np.ndarray]]]:
    import keras

    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (40, 40, 3)).astype(np.uint8) for _ in range(4)]
    classifier = Classifier(model, ("cats", "dogs"), Preprocessing(height=32, width=32))
    return classifier, {"cats": pictures[:2], "dogs": pictures[2:]}


if __name__ == "__main__":
    main()
