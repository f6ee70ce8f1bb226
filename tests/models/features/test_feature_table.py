"""A dataset's features: saved, as neighbours, as a map, and in the audit."""

import os

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from folders import noise, table_only
from models.features.made import Means, clouds, pictures
from viewfinder.audit.checks.labels import doubtful_labels, outliers
from viewfinder.core.errors import DataError, UsageError
from viewfinder.core.progress import Progress
from viewfinder.models.features.base import BaseExtractor
from viewfinder.models.features.table import FeatureTable, evidence, extract, load_features
from viewfinder.pages.feature_plots import feature_map, write_feature_plots
from viewfinder.recipe.transfer import Transfer

COLUMNS = ["locator", "label", "split", "content"]


@pytest.fixture
def made():
    """Two clouds of points, and the dataset that they are of."""
    dataset = table_only({("train", "a"): 100, ("train", "b"): 100})
    dataset = dataset.with_columns({"content": [f"{row:032x}" for row in range(200)]})
    features, labels = clouds(200, 12, 2)
    features += 6 * labels[:, None]  # well apart
    rows = features[np.argsort(labels, kind="stable")]
    return FeatureTable(dataset.table[COLUMNS], rows), dataset


@pytest.mark.parametrize("name", ["f.npz", "f.parquet"])
def test_a_saved_table_loads_unchanged(tmp_path, made, name):
    table, _ = made
    table.save(tmp_path / name)
    read = load_features(tmp_path / name)
    np.testing.assert_array_equal(read.rows, table.rows)
    assert read.pictures.to_numpy().tolist() == table.pictures.to_numpy().tolist()


@pytest.mark.parametrize("name", ["bad.npz", "bad.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 nothing"])
def test_a_file_without_features_is_refused(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="holds no features"):
        load_features(tmp_path / name)


def test_a_pickle_is_not_opened(tmp_path):
    np.savez(tmp_path / "f.npz", features=np.array([{}], object), locator=["x"])
    with pytest.raises(DataError, match="holds no features"):
        load_features(tmp_path / "f.npz")


def test_other_endings_are_refused(tmp_path, made):
    with pytest.raises(UsageError, match=r"\.npz or \.parquet"):
        made[0].save(tmp_path / "features.csv")


def test_rows_are_matched_by_locator(made):
    table, dataset = made
    order = np.random.default_rng(0).permutation(200)[:150]
    part = FeatureTable(table.pictures.iloc[order].reset_index(drop=True), table.rows[order])
    aligned = part.aligned(dataset)
    known = np.isin(np.arange(200), order)
    np.testing.assert_array_equal(aligned[known], table.rows[known])
    assert np.isnan(aligned[~known]).all()
    with pytest.raises(UsageError, match="of other pictures"):
        table.aligned(table_only({"c": 3}))


def test_neighbours_have_the_smallest_angles(made):
    table, _ = made
    distances = cdist(table.rows, table.rows, "cosine")
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(table.nearest(3), np.argsort(distances, axis=1)[:, :3])
    assert table.nearest(1000).shape == (200, 199)


def test_the_map_is_the_first_two_principal_components(made):
    table, _ = made
    places, shares = table.map()
    centred = table.rows - table.rows.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(places), np.abs(left[:, :2] * values[:2]), atol=1e-3)
    np.testing.assert_allclose(shares, values[:2] ** 2 / (values**2).sum(), rtol=1e-4)


def test_switched_labels_are_reported(made, tmp_path):
    table, dataset = made
    table.save(tmp_path / "f.npz")
    labels = dataset.table["label"].to_numpy(object, copy=True)
    wrong = [3, 7, 11, 19, 150, 160, 170, 180]
    labels[wrong] = np.where(labels[wrong] == "a", "b", "a")
    switched = dataset.with_columns({"label": labels})
    given = evidence(switched, tmp_path / "f.npz", Progress(0))
    (doubt,) = doubtful_labels(switched.table, switched.classes, given["probabilities"])
    assert set(doubt.paths) <= set(dataset.table["locator"][wrong])
    assert len(doubt.paths) >= 4


def test_an_outlier_is_reported(made, tmp_path):
    table, dataset = made
    table.rows[30] += 100 * table.rows.std(axis=0)
    table.save(tmp_path / "f.npz")
    given = evidence(dataset, tmp_path / "f.npz", Progress(0))
    (far,) = outliers(dataset.table, given["features"])
    assert far.paths[0] == dataset.table["locator"][30]


def test_labels_are_not_checked_with_a_class_of_one_picture(made, tmp_path, capsys):
    table, dataset = made
    table.save(tmp_path / "f.npz")
    few = dataset.where(np.arange(200) <= 100)
    given = evidence(few, tmp_path / "f.npz", Progress(1))
    assert set(given) == {"features"}
    assert "Labels cannot be checked" in capsys.readouterr().err


def test_features_of_a_dataset_skip_unreadable_pictures(tmp_path, monkeypatch, capsys):
    dataset, _ = pictures(tmp_path)
    (tmp_path / "a" / "2.png").write_bytes(b"no picture")
    monkeypatch.setattr(BaseExtractor, "start", lambda *_: Means())
    settings = Transfer(weights="none")
    table = extract(dataset, settings, size=(32, 32), progress=Progress(1))
    assert "a/2.png" not in set(table.pictures["locator"])
    assert len(table) == len(dataset) - 1
    assert "cannot be read" in capsys.readouterr().err
    np.testing.assert_allclose(table.rows[0], noise(0).mean(axis=(0, 1)), rtol=0.02)


@pytest.mark.usefixtures("whole_plots")
def test_plots_are_written_for_few_pictures(tmp_path, monkeypatch):
    dataset, pixels = pictures(tmp_path / "data", {"a": 2, "$x": 1})
    rows = pixels.read(np.arange(3))[0].mean(axis=(1, 2)).astype(np.float32)
    table = FeatureTable(dataset.table[COLUMNS], rows)
    drawn = write_feature_plots(table, dataset, tmp_path / "plots")
    assert [path.name for path in drawn] == ["map.png", "neighbours.png"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in drawn)
    assert len(feature_map(table, dataset.classes).axes[0].collections) == 2
    few = FeatureTable(table.pictures[:2], rows[:2])
    assert write_feature_plots(few, dataset, tmp_path / "none") == []


def test_without_labels_only_outliers_are_reported(tmp_path, made, capsys):
    table, dataset = made
    table.save(tmp_path / "f.npz")
    unlabelled = type(dataset)(dataset.source, dataset.table.assign(label=""), ())
    given = evidence(unlabelled, tmp_path / "f.npz", Progress())
    assert set(given) == {"features"}
    assert "fewer than two classes" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["f.npz", "f.parquet"])
def test_a_pipe_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError):
        load_features(tmp_path / name)
