"""Viewfinder turns a folder of pictures into an image classifier that its owner can trust.

The stages, in the order in which a picture passes them:

    fetch         one of the course's datasets → a folder on the disk
    open          pictures in folders, tables, arrays or archives → `Dataset`
    from_arrays   the same from arrays in memory            from_table    from a DataFrame
    Dataset       .split(), .hold_out(), .where(), .counts(): a value, a row a picture
    audit         a dataset → `Audit`: what is broken, double, leaking or odd   explore   its looks
    clean         an audit's findings → `SavedDataset`: a table, a journal, no pictures; .undo()
    materialize   a dataset → class folders, for other tools
    decode        a picture's bytes → upright pixels        prepare   → a model's input
    open_store    every picture decoded once, memory-mapped
    policy, Plan  augmentation: sampled by address, applied in one pass
    Batches       index-addressed NumPy batches             BatchDataset   the same for Keras
    Recipe        everything a run depends on               recipe_named   one of `RECIPES`
    find_learning_rate  dataset and recipe → the rate to begin with, by a range test
    extract_features   what a frozen base says of each picture → `FeatureTable`
    models        .transfer(): a frozen base under a head of one's own; .build_backbone()
    train         dataset and recipe → `Run`                resume    a run that was stopped goes on
    cross_validate  a run for each fold → `CrossValidation`        resume_folds   goes on with it
    callbacks     StopAtTarget, StopWithoutProgress, StopAfter: for anyone's `model.fit`
    load          a run's folder → `Classifier`; .predict() answers for any picture
    compare       runs → `Comparison`: what differs, paired tests       Run.doctor   what is wrong
    score         labels and probabilities → `Scores`

Names are loaded when they are first used: importing the package loads neither Keras nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewfinder.audit import Audit, audit
    from viewfinder.augment import POLICIES, Plan, make_plan, policy
    from viewfinder.batches.pictures import Batches, balanced_weights
    from viewfinder.classifier import Classifier, Prediction, load
    from viewfinder.clean import CleaningPlan, clean, plan_cleaning
    from viewfinder.core.errors import ViewfinderError
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.data.saved import SavedDataset
    from viewfinder.data.saved.materialize import materialize
    from viewfinder.data.sources import open_arrays as from_arrays
    from viewfinder.data.sources import open_dataset as open
    from viewfinder.data.sources import open_table as from_table
    from viewfinder.evaluation.comparison.compare import compare
    from viewfinder.evaluation.evaluate import Scores, score
    from viewfinder.features.table import FeatureTable
    from viewfinder.features.table import extract as extract_features
    from viewfinder.fetch.datasets import fetch
    from viewfinder.jobs.folds import cross_validate, resume_folds
    from viewfinder.jobs.learning_rate import find_learning_rate
    from viewfinder.jobs.resume import resume
    from viewfinder.jobs.search import auto, resume_auto
    from viewfinder.jobs.train import train
    from viewfinder.models import build_model
    from viewfinder.pictures.decode import decode
    from viewfinder.pictures.prepare import prepare
    from viewfinder.pictures.preprocessing import Preprocessing
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.named import RECIPES, recipe_named
    from viewfinder.run import Run
    from viewfinder.run.folds import CrossValidation
    from viewfinder.store import open_store
    from viewfinder.store.explore import explore
    from viewfinder.training import BatchDataset, compile_model
    from viewfinder.training import stopping as callbacks

_HOMES = {
    "POLICIES": "augment",
    "RECIPES": "recipe.named",
    "Audit": "audit",
    "BatchDataset": "training",
    "Batches": "batches.pictures",
    "Classifier": "classifier",
    "CleaningPlan": "clean",
    "CrossValidation": "run.folds",
    "Dataset": "data.dataset",
    "FeatureTable": "features.table",
    "Plan": "augment",
    "Prediction": "classifier",
    "Preprocessing": "pictures.preprocessing",
    "Progress": "core.progress",
    "Recipe": "recipe",
    "Run": "run",
    "SavedDataset": "data.saved",
    "Scores": "evaluation.evaluate",
    "ViewfinderError": "core.errors",
    "audit": "audit",
    "auto": "jobs.search",
    "balanced_weights": "batches.pictures",
    "build_model": "models",
    "callbacks": "training:stopping",
    "clean": "clean",
    "compare": "evaluation.comparison.compare",
    "compile_model": "training",
    "cross_validate": "jobs.folds",
    "decode": "pictures.decode",
    "fetch": "fetch.datasets",
    "find_learning_rate": "jobs.learning_rate",
    "from_arrays": "data.sources:open_arrays",
    "from_table": "data.sources:open_table",
    "explore": "store.explore",
    "extract_features": "features.table:extract",
    "load": "classifier",
    "make_plan": "augment",
    "materialize": "data.saved.materialize",
    "models": "models",
    "open": "data.sources:open_dataset",
    "open_store": "store",
    "plan_cleaning": "clean",
    "policy": "augment",
    "prepare": "pictures.prepare",
    "recipe_named": "recipe.named",
    "resume": "jobs.resume",
    "resume_auto": "jobs.search",
    "resume_folds": "jobs.folds",
    "score": "evaluation.evaluate",
    "train": "jobs.train",
}

__all__ = [
    "POLICIES",
    "RECIPES",
    "Audit",
    "BatchDataset",
    "Batches",
    "Classifier",
    "CleaningPlan",
    "CrossValidation",
    "Dataset",
    "FeatureTable",
    "Plan",
    "Prediction",
    "Preprocessing",
    "Progress",
    "Recipe",
    "Run",
    "SavedDataset",
    "Scores",
    "ViewfinderError",
    "audit",
    "auto",
    "balanced_weights",
    "build_model",
    "callbacks",
    "clean",
    "compare",
    "compile_model",
    "cross_validate",
    "decode",
    "explore",
    "extract_features",
    "fetch",
    "find_learning_rate",
    "from_arrays",
    "from_table",
    "load",
    "make_plan",
    "materialize",
    "models",
    "open",
    "open_store",
    "plan_cleaning",
    "policy",
    "prepare",
    "recipe_named",
    "resume",
    "resume_auto",
    "resume_folds",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'viewfinder' has no attribute {name!r}")
    home, _, original = _HOMES[name].partition(":")
    module = import_module(f"viewfinder.{home}")
    value = module if home == name else getattr(module, original or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
