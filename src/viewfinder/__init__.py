"""Viewfinder turns a folder of pictures into an image classifier that its owner can trust.

The stages, in the order in which a picture passes them:

    fetch           one of the course's datasets → a folder on the disk
    open            folders, tables, arrays or archives of pictures → `Dataset`
    from_arrays     arrays in memory → `Dataset`          from_table    a DataFrame → `Dataset`
    Dataset         .split(), .hold_out(), .where(), .counts(): a value, a row a picture
    audit           a dataset → `Audit`: unreadable, duplicate, leaking and odd pictures
    clean           an audit's findings → `SavedDataset`: a table and a journal; .undo()
    materialize     a dataset → class folders, for other tools
    decode          a picture's bytes → upright pixels    prepare       → a model's input
    open_store      every picture decoded once, memory-mapped
    policy, Plan    augmentation: sampled by address, applied in one pass
    Batches         index-addressed NumPy batches         BatchDataset  the same for Keras
    Recipe          everything a run depends on           recipe_named  one of `RECIPES`
    find_learning_rate  dataset and recipe → the first learning rate, by a range test
    extract_features    the features of a frozen base → `FeatureTable`
    models          .transfer(): a frozen base under a head; .build_base()
    train           dataset and recipe → `Run`            auto          the best of several recipes
    cross_validate  a run for each fold → `CrossValidation`
    crop_experiment  whole pictures against their centres, in training
    resume          a run, folds or a search that was stopped
    callbacks       StopAtTarget, StopWithoutProgress, StopAfter: for any `model.fit`
    load            a run, or a model of others → `Classifier`; .predict() takes any picture
    open_run        a run's folder → `Run`: .metrics, .predictions, .doctor(), .evaluate(), .model
    bundle          a run → one file that `load` opens        verify    its golden pictures again
    export          a model → a format of other programs, checked on real pictures
    compare         runs → `Comparison`: differences and paired tests      Run.doctor   verdicts
    explain         a picture → where the model looked    feature_maps  what each layer sees
    crop_map        a picture → the answers for a grid of crops
    convolve, pool  a picture, a filter → the values of a convolution and of pooling, by hand
    score           labels and probabilities → `Scores`
    draw            scores, metrics, explanations, a history → a Matplotlib figure
    evaluate        a run, perhaps other pictures → `Evaluation`: all figures with intervals
    write_full_report   a run's report, with heat maps, nearest training pictures and slices

Names are loaded when they are first used: importing the package loads neither Keras nor pandas.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from viewfinder import models
    from viewfinder.audit import Audit, audit
    from viewfinder.augment import POLICIES, Plan, make_plan, policy
    from viewfinder.augment.batches import Batches, balanced_weights
    from viewfinder.classifier import Classifier, Prediction
    from viewfinder.clean import CleaningPlan, clean, plan_cleaning
    from viewfinder.core.errors import ViewfinderError
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset
    from viewfinder.data.saved import SavedDataset
    from viewfinder.data.saved.materialize import materialize
    from viewfinder.data.sources import open_arrays as from_arrays
    from viewfinder.data.sources import open_dataset as open
    from viewfinder.data.sources import open_table as from_table
    from viewfinder.data.store import open_store
    from viewfinder.delivery.bundle.pack import bundle
    from viewfinder.delivery.bundle.verify import verify
    from viewfinder.delivery.export.export import export
    from viewfinder.evaluation.comparison.compare import compare
    from viewfinder.evaluation.evaluate import Scores, score
    from viewfinder.explain.activations import feature_maps
    from viewfinder.explain.attribution import explain
    from viewfinder.explain.convolution import convolve, pool
    from viewfinder.explain.crops import crop_map
    from viewfinder.fetch.datasets import fetch
    from viewfinder.jobs.crops import crop_experiment
    from viewfinder.jobs.folds import cross_validate
    from viewfinder.jobs.learning_rate import find_learning_rate
    from viewfinder.jobs.resume import resume
    from viewfinder.jobs.search import auto
    from viewfinder.jobs.train import train
    from viewfinder.models import build_model
    from viewfinder.models.features.table import FeatureTable
    from viewfinder.models.features.table import extract as extract_features
    from viewfinder.models.opening import load
    from viewfinder.pages.drawing import draw
    from viewfinder.pictures.decode import decode
    from viewfinder.pictures.prepare import prepare
    from viewfinder.pictures.preprocessing import Preprocessing
    from viewfinder.recipe import Recipe
    from viewfinder.recipe.named import RECIPES, recipe_named
    from viewfinder.run import CrossValidation, Run, open_run
    from viewfinder.run.evaluation import Evaluation, evaluate
    from viewfinder.run.full_report import write_full_report
    from viewfinder.training import BatchDataset, compile_model
    from viewfinder.training import stopping as callbacks

_HOMES = {
    "POLICIES": "augment",
    "RECIPES": "recipe.named",
    "Audit": "audit",
    "BatchDataset": "training",
    "Batches": "augment.batches",
    "Classifier": "classifier",
    "CleaningPlan": "clean",
    "CrossValidation": "run",
    "Dataset": "data.dataset",
    "Evaluation": "run.evaluation",
    "FeatureTable": "models.features.table",
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
    "balanced_weights": "augment.batches",
    "build_model": "models",
    "bundle": "delivery.bundle.pack",
    "callbacks": "training:stopping",
    "clean": "clean",
    "compare": "evaluation.comparison.compare",
    "compile_model": "training",
    "convolve": "explain.convolution",
    "crop_map": "explain.crops",
    "crop_experiment": "jobs.crops",
    "cross_validate": "jobs.folds",
    "decode": "pictures.decode",
    "draw": "pages.drawing",
    "evaluate": "run.evaluation",
    "explain": "explain.attribution",
    "export": "delivery.export.export",
    "feature_maps": "explain.activations",
    "fetch": "fetch.datasets",
    "find_learning_rate": "jobs.learning_rate",
    "from_arrays": "data.sources:open_arrays",
    "from_table": "data.sources:open_table",
    "extract_features": "models.features.table:extract",
    "load": "models.opening",
    "make_plan": "augment",
    "materialize": "data.saved.materialize",
    "models": "models",
    "open": "data.sources:open_dataset",
    "open_run": "run",
    "open_store": "data.store",
    "plan_cleaning": "clean",
    "policy": "augment",
    "pool": "explain.convolution",
    "prepare": "pictures.prepare",
    "recipe_named": "recipe.named",
    "resume": "jobs.resume",
    "score": "evaluation.evaluate",
    "train": "jobs.train",
    "verify": "delivery.bundle.verify",
    "write_full_report": "run.full_report",
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
    "Evaluation",
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
    "bundle",
    "callbacks",
    "clean",
    "compare",
    "compile_model",
    "convolve",
    "crop_experiment",
    "crop_map",
    "cross_validate",
    "decode",
    "draw",
    "evaluate",
    "explain",
    "export",
    "extract_features",
    "feature_maps",
    "fetch",
    "find_learning_rate",
    "from_arrays",
    "from_table",
    "load",
    "make_plan",
    "materialize",
    "models",
    "open",
    "open_run",
    "open_store",
    "plan_cleaning",
    "policy",
    "pool",
    "prepare",
    "recipe_named",
    "resume",
    "score",
    "train",
    "verify",
    "write_full_report",
]


class _Package(ModuleType):
    """Keeps a public function, such as `audit`, when a subpackage of that name is imported."""

    @override
    def __setattr__(self, name: str, value: object) -> None:
        is_shadowing = name in _HOMES and name != "models" and isinstance(value, ModuleType)
        if not is_shadowing:
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'viewfinder' has no attribute {name!r}")
    home, _, original = _HOMES[name].partition(":")
    try:
        module = import_module(f"viewfinder.{home}")
    except ModuleNotFoundError as error:
        from viewfinder.core.extras import not_installed

        if refusal := not_installed(error):
            raise refusal from error
        raise
    value = module if name == "models" else getattr(module, original or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
