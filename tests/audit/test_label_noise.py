"""Wrong labels among difficult pictures: few false alarms, and lists that `clean` takes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from folders import write_classes
from viewfinder.audit import audit
from viewfinder.audit.label_noise import right_labels, surely_wrong
from viewfinder.audit.lists import write_lists
from viewfinder.clean import plan_cleaning
from viewfinder.clean.plan import read_labels, read_names
from viewfinder.cli import main
from viewfinder.core.errors import UsageError
from viewfinder.data.sources import open_dataset
from viewfinder.models.features.table import FeatureTable

Drawn = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]


def drawn(seed: int, noise: float, *, classes: int = 5, sharp: float = 2.0) -> Drawn:
    """Labels with noise, overconfident probabilities, and which labels are wrong.

    Each true label is drawn from the picture's own probabilities, so that many are difficult.
    """
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (3000, classes))
    calibrated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (random.random((3000, 1)) > calibrated.cumsum(axis=1)).sum(axis=1)
    wrong = random.random(3000) < noise
    labels = np.where(wrong, (truth + random.integers(1, classes, 3000)) % classes, truth)
    given = calibrated**sharp
    return labels, given / given.sum(axis=1, keepdims=True), wrong


@pytest.mark.parametrize("classes", [2, 5])
def test_false_alarms_stay_within_the_bound(classes: int) -> None:
    flagged, false = 0, 0
    for seed in range(6):
        labels, probabilities, wrong = drawn(seed, 0.05, classes=classes)
        chosen = surely_wrong(right_labels(labels, probabilities), 0.05)
        flagged += int(chosen.sum())
        false += int((chosen & ~wrong).sum())
    assert flagged > 6 * 150 * 0.05  # 150 are wrong in each
    assert false / flagged <= 0.08


def test_difficult_pictures_alone_are_no_wrong_labels() -> None:
    counts = []
    for seed in range(6):
        labels, probabilities, _ = drawn(seed, 0)
        counts.append(int(surely_wrong(right_labels(labels, probabilities), 0.02).sum()))
    assert sum(counts) <= 3, counts


def test_the_probability_is_the_posterior_of_the_draw() -> None:
    labels, probabilities, _ = drawn(0, 0.05)
    calibrated = probabilities**0.5
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    share = calibrated[np.arange(3000), labels]
    posterior = 0.95 * share / (0.95 * share + 0.05 * (1 - share) / 4)
    right = right_labels(labels, probabilities)
    assert right.shape == (3000,)
    assert np.abs(right - posterior).max() < 0.1
    assert len(right_labels(labels[:0], probabilities[:0])) == 0
    assert right_labels(labels[:3] * 0, np.ones((3, 1))).tolist() == [1, 1, 1]


def test_as_many_wrong_labels_are_found_as_by_confident_learning() -> None:
    """Cleanlab lists labels, of which ours lists as many."""
    theirs = pytest.importorskip("cleanlab.filter")
    ours_found = theirs_found = 0
    for seed in range(3):
        labels, probabilities, wrong = drawn(seed, 0.05)
        listed = theirs.find_label_issues(
            labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
        )
        first = np.argsort(right_labels(labels, probabilities), kind="stable")[: len(listed)]
        ours_found += int(wrong[first].sum())
        theirs_found += int(wrong[listed].sum())
    assert ours_found >= theirs_found > 0


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """120 pictures of two classes, with features: 2 pictures of each class are labelled wrongly."""
    root = tmp_path / "pets"
    write_classes(root, {"cats": 60, "dogs": 60})
    dataset = open_dataset(root)
    truth = (dataset.table["label"] == "dogs").to_numpy(copy=True)
    truth[[0, 1, 60, 61]] ^= True
    features = np.random.default_rng(0).normal(0, 1, (120, 8)).astype(np.float32)
    features += np.where(truth, 6, -6)[:, None]
    table = dataset.table[["locator", "label", "split"]].assign(content=dataset.table["locator"])
    FeatureTable(table, features).save(tmp_path / "pets.npz")
    return root


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_doubtful_labels_become_a_table_that_relabels(pets: Path, tmp_path: Path) -> None:
    lists, saved = tmp_path / "lists", tmp_path / "pets.dataset"
    run("audit", pets, "--no-html", "--features", tmp_path / "pets.npz", "--lists", lists)
    table = pd.read_csv(lists / "doubtful-label.csv")
    labels = open_dataset(pets).table
    wrong = set(labels["locator"].iloc[[0, 1, 60, 61]])
    assert set(table["locator"]) == wrong
    assert (table["label"] != table["given"]).all()
    assert table["right"].is_monotonic_increasing
    run(
        "clean", pets, "--fix", "none", "--relabel", lists / "doubtful-label.csv", "--output", saved
    )
    after = open_dataset(saved).table.set_index("locator")["label"]
    before = labels.set_index("locator")["label"]
    assert set(before.index[before != after[before.index]]) == wrong


def test_doubtful_labels_are_left_out_on_request(pets: Path, tmp_path: Path) -> None:
    words = ("clean", pets, "--fix", "doubtful-label", "--dry-run")
    assert "116 of 120" in run(*words, "--features", tmp_path / "pets.npz")
    refused = CliRunner().invoke(main, [str(word) for word in words])
    assert refused.exit_code == 2
    assert "--features" in refused.stderr
    with pytest.raises(UsageError, match="labels were not checked"):
        plan_cleaning(audit(open_dataset(pets)), ["doubtful-label"])


def test_every_finding_is_a_list_for_quarantine(pets: Path, tmp_path: Path) -> None:
    (pets / "cats/a, b.png").write_bytes((pets / "cats/5.png").read_bytes())
    (pets / "dogs/empty.png").touch()
    dataset = open_dataset(pets)
    found = audit(dataset)
    files = write_lists(found, tmp_path / "lists")
    assert {file.stem for file in files} == {one.slug for one in found.findings if one.paths}
    for file, finding in zip(files, (one for one in found.findings if one.paths), strict=True):
        assert tuple(read_names([str(file)], dataset)) == finding.paths
        assert read_labels(file) == {
            path: dataset.table.set_index("locator")["label"][path] for path in finding.paths
        }
