"""Opening what can predict."""

from pathlib import Path

from viewfinder.classifier.classifier import Classifier
from viewfinder.classifier.files import MODEL, read_labels, run_folder
from viewfinder.classifier.networks import load_export, load_keras


def load(folder: str | Path) -> Classifier:
    """Load the classifier of a run's folder.

    Raises:
        RunError: The folder is no run, or one of its files is missing or damaged.
    """
    folder = run_folder(folder)
    classes, preprocessing = read_labels(folder)
    network = load_export(folder, classes, preprocessing)
    if network is None:
        network = load_keras(folder / MODEL, classes)
    return Classifier(network, classes, preprocessing, folder)
