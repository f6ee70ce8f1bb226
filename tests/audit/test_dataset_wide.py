"""Checks of whole datasets: shortcuts, order, weak groups and look-alikes, planted and absent."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared_data import SHARED
from viewfinder.audit import Audit, audit, survey
from viewfinder.audit.checks.labels import weak_groups
from viewfinder.audit.checks.order import order_dependence
from viewfinder.audit.duplicates import duplicate_groups
from viewfinder.audit.finding import Finding
from viewfinder.data.sources import open_dataset

CLASSES = ("cats", "dogs")


def write(root: Path, pictures: dict[str, NDArray[np.uint8]]) -> Path:
    for name, pixels in pictures.items():
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def noise(seed: int, low: int = 40, high: int = 200, side: int = 24) -> NDArray[np.uint8]:
    """Coarse noise: pictures that have nothing in common."""
    coarse = np.random.default_rng(seed).integers(low, high, (side // 4, side // 4, 3))
    return coarse.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)


def slugs(found: Audit) -> set[str]:
    return {finding.check for finding in found.findings}


def test_pictures_that_have_nothing_in_common_have_none_of_these_findings(tmp_path: Path) -> None:
    pictures = {f"{CLASSES[n % 2]}/{n:03}": noise(n) for n in range(200)}
    features = np.random.default_rng(0).normal(size=(200, 16))
    dataset = open_dataset(write(tmp_path, pictures))
    probabilities = np.full((200, 2), 0.01)
    probabilities[np.arange(200), dataset.labels] = 0.99
    random = np.random.default_rng(1).choice(200, 20, replace=False)
    probabilities[random] = probabilities[random, ::-1]
    found = slugs(audit(dataset, features=features, probabilities=probabilities))
    assert not found & {"order dependence", "weak group", "look-alikes"}
    assert not [check for check in found if check.startswith("shortcut")]


@pytest.mark.parametrize(
    ("check", "dogs"),
    [
        ("shortcut: brightness", lambda n: noise(n, 20, 130)),
        ("shortcut: size", lambda n: noise(n, side=24 + 8 * (n % 2))),
        ("shortcut: shape", lambda n: noise(n)[:16]),
    ],
)
def test_a_property_that_tells_the_class_is_a_finding(tmp_path: Path, check: str, dogs) -> None:
    pictures = {f"cats/{n}": noise(n, 60, 220, side=28) for n in range(60)}
    pictures |= {f"dogs/{n}": dogs(n + 60) for n in range(60)}
    found = audit(open_dataset(write(tmp_path, pictures)))
    assert found[check].severity == "warning"
    assert "50\xa0%" in found[check].sentence
    assert found[check].classes == CLASSES


def films(count: int = 8, frames: int = 12) -> dict[str, NDArray[np.uint8]]:
    """Frames of films, in the order of the films, with numbers alone as names."""
    pictures = {}
    for label in CLASSES:
        for n in range(count * frames):
            film = noise(1000 * (label == "dogs") + n // frames, 60, 160).astype(np.int64)
            grain = np.random.default_rng(n).integers(-40, 40, film.shape)
            pictures[f"{label}/{n:03}"] = np.clip(film + grain, 0, 255).astype(np.uint8)
    return pictures


def order_of(root: Path) -> list[Finding]:
    dataset = open_dataset(root)
    measurements = survey(dataset)
    return order_dependence(dataset, measurements, duplicate_groups(measurements))


def test_frames_next_to_each_other_are_a_finding_and_shuffled_ones_are_not(tmp_path: Path) -> None:
    """Nothing but the films of training tells the classes of frames."""
    pictures = films()
    (found,) = order_of(write(tmp_path / "ordered", pictures))
    assert found.severity == "warning"
    assert "folds of whole runs" in found.sentence
    shuffled = {}
    for label in CLASSES:
        own = [name for name in pictures if name.startswith(label)]
        others = np.random.default_rng(0).permutation(own)
        shuffled |= {name: pictures[other] for name, other in zip(own, others, strict=True)}
    assert order_of(write(tmp_path / "shuffled", shuffled)) == []


def table_of(tmp_path: Path, count: int):
    pictures = {f"{CLASSES[n % 2]}/{n:03}": noise(n, side=8) for n in range(count)}
    return open_dataset(write(tmp_path, pictures))


def test_a_group_with_more_errors_than_chance_is_weak(tmp_path: Path) -> None:
    dataset = table_of(tmp_path, 500)
    random = np.random.default_rng(0)
    features = random.normal(size=(500, 8))
    is_group = np.arange(500) % 10 == 3
    features[is_group] += 12
    probabilities = np.full((500, 2), 0.1)
    probabilities[np.arange(500), dataset.labels] = 0.9
    wrong = np.flatnonzero(is_group)[::3]
    probabilities[wrong] = probabilities[wrong, ::-1]
    (found,) = weak_groups(dataset.table, dataset.classes, probabilities, features)
    assert set(found.groups[0]) == set(dataset.table["locator"][is_group])
    assert set(found.paths[: len(wrong)]) == set(dataset.table["locator"].iloc[wrong])
    doubtful = list(dataset.table["locator"].iloc[wrong])
    assert weak_groups(dataset.table, dataset.classes, probabilities, features, doubtful) == []


def test_errors_at_random_make_groups_weak_as_rarely_as_stated(tmp_path: Path) -> None:
    dataset = table_of(tmp_path, 400)
    found = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        probabilities = np.full((400, 2), 0.1)
        probabilities[np.arange(400), dataset.labels] = 0.9
        wrong = random.choice(400, 60, replace=False)
        probabilities[wrong] = probabilities[wrong, ::-1]
        features = random.normal(size=(400, 8)) + 6 * random.integers(0, 4, (400, 1))
        found += len(weak_groups(dataset.table, dataset.classes, probabilities, features))
    assert found <= 3  # more would occur in 1.6 % of the cases


def test_look_alikes_are_the_pictures_with_close_features(tmp_path: Path) -> None:
    pictures = {f"{CLASSES[n % 2]}/{n:03}": noise(n, side=32) for n in range(120)}
    dataset = open_dataset(write(tmp_path, pictures))
    features = np.random.default_rng(0).normal(size=(120, 64))
    features[7] = features[3] + 0.02 * features[60]
    features[90] = features[3] - 0.02 * features[61]
    locators = list(dataset.table["locator"])
    found = audit(dataset, features=features)["look-alikes"]
    assert set(map(frozenset, found.groups)) == {frozenset(locators[n] for n in (3, 7, 90))}
    assert found.severity == "info"


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize("name", ["cats_and_dogs_filtered", "happy_or_sad"])
def test_clean_photos_have_neither_shortcuts_nor_order(name: str) -> None:
    checks = slugs(audit(open_dataset(SHARED / name)))
    assert "order dependence" not in checks
    assert not [check for check in checks if check.startswith("shortcut")]
