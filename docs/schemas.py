"""What commands print with `--json`: the keys of each document and their types, in `DOCUMENTS`.

python docs/schemas.py COMMAND    its JSON Schema; such as: python docs/schemas.py train --folds

Every key is present unless it is `NotRequired`. None is JSON's null; NaN never appears. Readers
should ignore keys that they do not know, for a later version may add some. A change that breaks
readers raises `schema`.
"""

# ruff: noqa: UP013 (a table of keys is shorter than a class for each)
# fmt: off
import json
import sys
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Gt, Interval
from pydantic import AwareDatetime, Field, TypeAdapter
from typing_extensions import TypedDict

Count = Annotated[int, Ge(0)]
Counts = dict[str, Count]
Share = Annotated[float, Interval(ge=0, le=1)]
Range = tuple[float, float]  # a 95 % interval: low, high
Loss = Annotated[float, Ge(0)]  # mean cross-entropy, in nats
Texts = list[str]
Recipe = dict[str, Any]  # all settings, as in recipe.yaml
RecipeKey = TypedDict("RecipeKey", {
    "key": str, "type": str, "range": str, "default": Any, "value": Any, "description": str})
Split = Literal["train", "validation", "test"]
Severity = Literal["error", "warning", "info"]
Ended = Literal["finished", "target", "patience", "time", "interrupted", "diverged", "behind",
                "callback"]

# Runs ---------------------------------------------------------------------------------------------

# Precision, recall and F1 are None where there is nothing to divide by.
ClassScores = TypedDict("ClassScores", {
    "name": str, "precision": Share | None, "recall": Share | None, "f1": Share | None,
    "support": Count})
# The interval is Wilson's.
FIGURES = {"count": Count, "accuracy": Share, "accuracy_interval": Range, "loss": Loss}
Figures = TypedDict("Figures", FIGURES)
# A row of the confusion matrix is a true class, a column a predicted one.
SCORES = FIGURES | {
    "macro_f1": Share, "per_class": list[ClassScores], "confusion": list[list[Count]]}
ScoresWithoutLeaks = TypedDict("ScoresWithoutLeaks", SCORES)
# How many pictures training has as well: the same ones, or nearly.
Leaks = TypedDict("Leaks", {"exact": Count, "near": Count})
Scores = TypedDict("Scores", SCORES | {
    "leaks": NotRequired[Leaks], "without_leaks": NotRequired[ScoresWithoutLeaks | None]})
# A split that does not exist, or was not evaluated, is absent. `flipped` is of the mean prediction
# for a picture and its mirror image. No epoch is the best where the head was solved for.
METRICS = {
    "best_epoch": Count | None, "train": NotRequired[Scores], "validation": NotRequired[Scores],
    "test": NotRequired[Scores], "flipped": NotRequired[dict[Split, Figures]]}
Metrics = TypedDict("Metrics", {"schema": Literal[1]} | METRICS)
# A flag is one of the next `viewfinder train`, or a whole command.
Advice = TypedDict("Advice", {"flag": str, "why": str})
# Codes are in doctor.md; the keys of `evidence` depend on the code.
Verdict = TypedDict("Verdict", {
    "code": str, "severity": Severity | Literal["good"], "sentence": str, "because": str,
    "evidence": dict[str, Any], "try": list[Advice]})
Verdicts = Annotated[list[Verdict], Field(min_length=1)]  # the worst first
# `only_it` and `only_before`: right where the best candidate before it is wrong, and the reverse.
Trial = TypedDict("Trial", {
    "name": str, "recipe": str, "count": Count, "right": Count, "accuracy": Share,
    "only_it": Count, "only_before": Count, "is_better": bool, "folds": Share | None,
    "seconds": Annotated[float, Ge(0)], "ended": Ended | Literal["not kept"]})
Trials = TypedDict("Trials", {
    "schema": Literal[1], "chosen": str | None, "finished": bool, "why": str,
    "trials": list[Trial]})
Skipped = TypedDict("Skipped", {"path": str, "reason": str, "detail": str})
# By split and class.
DRY_RUN = {"pictures": dict[Split, Counts], "skipped": list[Skipped]}
Candidate = TypedDict("Candidate", {"name": str, "recipe": Recipe})
# `run` is a folder in that of the folds.
Fold = TypedDict("Fold", FIGURES | {
    "fold": Count, "run": str, "ended": Ended, "best_epoch": Count | None, "macro_f1": Share})
FoldsData = TypedDict("FoldsData", {"source": dict[str, Any], "notes": Texts})
RunName = TypedDict("RunName", {"name": str, "folder": str})
# Values are in the order of the runs.
Difference = TypedDict("Difference", {"key": str, "values": Texts})
# Optimistic: these pictures also chose the best epoch.
RunScores = TypedDict("RunScores", FIGURES | {"run": str, "split": Split, "is_optimistic": bool})
# Differences are the second run's figure less the first's. `p` is McNemar's exact test, `p_holm`
# is corrected for the number of pairs, `told_apart` is p_holm < 0.05.
Pair = TypedDict("Pair", {
    "first": str, "second": str, "both_right": Count, "only_first": Count, "only_second": Count,
    "both_wrong": Count, "accuracy_difference": Annotated[float, Interval(ge=-1, le=1)],
    "accuracy_interval": Range, "loss_difference": float, "loss_interval": Range, "p": Share,
    "p_holm": Share, "told_apart": bool})
# Of the pictures that all runs have in common, by content.
PairedSplit = TypedDict("PairedSplit", {
    "split": Split, "count": Count, "notes": Texts, "pairs": list[Pair]})
# The most probable classes first. `label` is "unknown" below `--threshold`.
# `set` is None without `--coverage`, and [] where no class fits.
Prediction = TypedDict("Prediction", {
    "picture": str, "label": str | None, "confidence": Share, "probabilities": dict[str, Share],
    "rejection": str | None, "set": Texts | None, "outlier_score": Annotated[float, Ge(0)] | None})

# Seeing -------------------------------------------------------------------------------------------

Levels = TypedDict("Levels", {"mean": float, "most": float})
# Height, width and channels; the lowest and the highest value.
Step = TypedDict("Step", {
    "step": str, "shape": tuple[Count, Count, Count], "range": tuple[float, float]})

# With its 95 % interval; None where there is nothing to divide by.
Figure = TypedDict("Figure", {"value": float, "interval": Range})
ClassFigures = TypedDict("ClassFigures", {
    "name": str, "support": Count, "precision": Figure | None, "recall": Figure | None,
    "f1": Figure | None, "auc": Figure | None, "average_precision": Figure | None})
# A range of the confidence: the mean confidence and the accuracy of the pictures in it.
Reliability = TypedDict("Reliability", {
    "low": Share, "high": Share, "count": Count, "confidence": Share, "accuracy": Share,
    "accuracy_low": Share, "accuracy_high": Share})
Tempered = TypedDict("Tempered", {"log_loss": Figure, "brier": Figure, "calibration_error": Figure})
Baseline = TypedDict("Baseline", {
    "name": str, "accuracy": Figure, "balanced_accuracy": Figure})
# `threshold` is None where none suffices; `chosen_on` names the pictures that chose it.
Threshold = TypedDict("Threshold", {
    "figure": Literal["precision", "recall"], "goal": Share, "name": str,
    "threshold": float | None, "chosen_on": str, "precision": Figure | None,
    "recall": Figure | None})
# `sizes`: how many pictures have a set of so many classes; 0 is "unknown". `answered` and `error`
# are None without a `reject` threshold.
SetFigures = TypedDict("SetFigures", {
    "coverage": Figure, "by_class": dict[str, Figure], "mean_size": float,
    "sizes": dict[str, Count], "answered": Figure | None, "error": Figure | None})
Reject = TypedDict("Reject", {"above": Share, "error_bound": Share, "answered": Share})
AnsweredAbove = TypedDict("AnsweredAbove", {
    "above": Share, "answered": Share, "count": Count, "error": Share, "error_bound": Share})
# As in `prediction_sets.json`. `figures` is None where the evaluated pictures are in training or
# validation; `risk_coverage` is of the pictures that fitted the sets.
Sets = TypedDict("Sets", {
    "coverage": Share, "method": Literal["lac", "aps"], "by_class": bool,
    "levels": list[float | None], "pictures": Count, "of": Literal["validation", "out-of-fold"],
    "weaker": Texts, "reject": Reject | None, "model": str | None, "figures": SetFigures | None,
    "risk_coverage": list[AnsweredAbove]})
# `lost`, `gained`: pictures that are answered rightly only as a whole, or only in this view.
# `tells` and `p_majority` are None for views with the centre.
CropView = TypedDict("CropView", {
    "view": str, "accuracy": Figure, "lost": Count, "gained": Count, "p": Share,
    "p_majority": Share | None, "tells": bool | None})
Crops = TypedDict("Crops", {
    "count": Count, "whole": Figure, "majority": Figure, "views": list[CropView]})
# The models of one seed; `only_…`: pictures that only one of them answers rightly.
CropSeed = TypedDict("CropSeed", {
    "whole": Figure, "cropped": Figure, "only_whole": Count, "only_cropped": Count, "p": Share})
# As in `outliers.json`. `figures` is None where the evaluated pictures are in training; `others`
# and `auroc` without other pictures.
OutlierFigures = TypedDict("OutlierFigures", {
    "unknown": Figure, "others": Figure | None, "auroc": Figure | None})
Outliers = TypedDict("Outliers", {
    "neighbors": Count, "threshold": float, "inside": Share, "pictures": Count, "weaker": Texts,
    "model": str | None, "figures": OutlierFigures | None})
# `p` is corrected for all of them. The intervals of slices hold together; `others` is the accuracy
# on the other pictures.
Slice = TypedDict("Slice", {
    "property": str, "value": str, "count": Count, "accuracy": Figure, "others": Share, "p": Share,
    "is_worse": bool})
Shortcut = TypedDict("Shortcut", {
    "property": str, "accuracy": Figure, "majority": Figure, "p": Share, "tells": bool})
# `lost`: pictures that are answered rightly only without the change.
Changed = TypedDict("Changed", {
    "change": Literal["rotated", "blurred", "noisy", "recompressed", "darker"],
    "strength": Annotated[int, Interval(ge=1, le=5)], "amount": str, "accuracy": Figure,
    "lost": Count})
Robustness = TypedDict("Robustness", {
    "count": Count, "unchanged": Figure, "changed": list[Changed]})
# `class` is the one that the map explains; `layer` is None for a map of the pixels; `peak`: a row
# and a column of the model's input.
Look = TypedDict("Look", {
    "picture": str, "answer": str, "class": str, "probability": Share, "method": str,
    "layer": str | None, "peak": tuple[Count, Count], "maximum": float})
# `after`: kinds of the layers after a convolution that are included; `channels`: the most active
# first.
MapLayer = TypedDict("MapLayer", {
    "layer": str, "kind": str, "after": Texts, "shape": tuple[Count, Count, Count],
    "sparsity": Share, "effective_rank": Annotated[float, Ge(0)], "channels": list[Count]})
# Top, left, bottom, right in pixels of the model's input.
Patch = TypedDict("Patch", {
    "picture": str, "value": float, "box": tuple[Count, Count, Count, Count]})
# In pixels of the upright picture; `zoom`: the kept share of both sides; `of_answer`: the
# probability of the whole picture's answer.
Crop = TypedDict("Crop", {
    "top": Count, "left": Count, "bottom": Count, "right": Count, "zoom": Share, "label": str,
    "probability": Share, "of_answer": Share, "is_decided": bool})
Controls = TypedDict("Controls", {
    "pictures": Count, "flipped": Count, "p": Share, "is_evidence": bool})
SEEN = {"run": str, "output": str}

# Data ---------------------------------------------------------------------------------------------

# Of doubtful labels: the suggested one, and the probability that the given one is right.
FoundPicture = TypedDict("FoundPicture", {
    "path": str, "note": str, "suggested": NotRequired[str], "right": NotRequired[Share]})
# The accuracies are those of a linear classifier on folds at random, and on folds of whole series.
Series = TypedDict("Series", {
    "group_from": str, "count": Count, "nearest_of_series": Share, "by_chance": Share,
    "accuracy_at_random": Share | None, "accuracy_grouped": Share | None, "differs": bool,
    "measured_on": str})
# `count` counts pictures, or classes or series where the finding is about these.
# `expected` and `received` in words.
Breach = TypedDict("Breach", {"rule": str, "expected": str, "received": str})
Finding = TypedDict("Finding", {
    "check": str, "severity": Severity, "count": Count, "sentence": str, "remedy": str,
    "pictures": list[FoundPicture], "groups": list[Texts], "classes": Texts})
CHANGE = {"locator": str, "before": str, "after": str, "note": NotRequired[str]}
Change = TypedDict("Change", CHANGE)
ColumnChange = TypedDict("ColumnChange", CHANGE | {"column": str})
Decision = TypedDict("Decision", {"verb": str, "why": str, "pictures": list[Change]})
Groups = TypedDict("Groups", {"count": Count, "pictures": Count, "largest": Count})
# `set_aside`: the shares of the splits that were made; `group_from`: a regular expression.
SplitPlan = TypedDict("SplitPlan", {
    "validation": Share, "test": Share, "folds": Count, "seed": Count,
    "copies": Literal["near", "exact", "ignore"] | None, "group_from": str | None, "anew": bool,
    "set_aside": dict[Split, Share]})
# `undoes` is another entry's number; `stands`: it is in effect.
ENTRY = {
    "number": Count, "time": AwareDatetime, "verb": str, "why": str, "pictures": Count,
    "options": dict[str, Any], "undoes": Count | None, "stands": bool}
Entry = TypedDict("Entry", ENTRY)
# `by` names who published size and checksum.
Address = TypedDict("Address", {
    "url": str, "bytes": Count | None, "sha256": str | None, "by": str | None})
File = TypedDict("File", {"name": str, "addresses": list[Address]})
# `bytes` to download, None where not all of it is known; `verified`: a download is known to work;
# `account`: the page that requires one; `path`: what `viewfinder train` takes, None until it is
# fetched; `next`: the command that trains on it, quoted for a shell.
DATASET = {
    "name": str, "title": str, "pictures": Count, "classes": Count, "bytes": Count | None,
    "licence": str, "citation": str, "course": str, "recipe": str, "verified": bool,
    "class_names": list[str], "account": str | None, "files": list[File], "path": str | None,
    "next": str}
Dataset = TypedDict("Dataset", DATASET)

# Networks and the cache ---------------------------------------------------------------------------

Speed = TypedDict("Speed", {
    "pictures_per_s": float, "alpha": float, "size": Count, "backend": str, "cores": Count})
Weights = TypedDict("Weights", {"alpha": float, "file": str})
# `parameters` by alpha; `input_size` a side, or height and width, or None where any will do.
Base = TypedDict("Base", {
    "name": str, "parameters": Counts, "input_size": Count | tuple[Count, Count] | None,
    "least_size": Count | None, "preprocessing": str, "speed": Speed | None,
    "weights": list[Weights]})
# `source` and `base` are empty where the folder is damaged.
PictureStore = TypedDict("PictureStore", {
    "folder": str, "source": str, "size": str, "pictures": Count, "bytes": Count,
    "written": AwareDatetime})
FeatureStore = TypedDict("FeatureStore", {
    "folder": str, "base": str, "rows": Count, "bytes": Count})

# Each also has "schema": 1. Texts that name a file or folder are paths as they were given.
DOCUMENTS: dict[str, dict[str, Any]] = {
    # `per_class` counts readable pictures.
    "audit": {
        "source": str, "classes": Texts, "pictures": Count, "readable": Count,
        "per_class": Counts, "counts": dict[Severity, Count], "series": Series | None,
        "findings": list[Finding], "breaches": list[Breach] | None},
    "bases": {"bases": list[Base]},
    "cache list": {"stores": list[PictureStore], "features": list[FeatureStore]},
    # `leaves`: pictures that stay; `dataset`: the folder that was written.
    "clean": {
        "source": str, "pictures": Count, "leaves": Count, "warnings": Texts,
        "decisions": list[Decision], "dataset": str | None},
    # `splits` are those on which every run was evaluated.
    "compare": {
        "runs": list[RunName], "differences": list[Difference], "scores": list[RunScores],
        "splits": list[PairedSplit]},
    # `filter`: 3 or 5 rows of weights; `steps`: the picture, the convolution, the pooling.
    "convolve": {
        "picture": str, "output": str, "filter": list[list[float]], "steps": list[Step]},
    "datasets": {"datasets": list[Dataset]},
    # `unseen`: what could not be examined.
    "doctor": {"verdicts": Verdicts, "unseen": Texts},
    "evaluate": METRICS,
    # Also of `evaluate RUN DATA` and its other options. `top` by the number of classes; a row of
    # `confusion` is a true class; `slices` and `shortcuts` with `--slices`.
    "evaluate --split": {
        "run": str, "data": str, "count": Count, "accuracy": Figure, "top": dict[str, Figure],
        "balanced_accuracy": Figure, "macro_f1": Figure, "auc": Figure | None, "log_loss": Figure,
        "brier": Figure, "calibration_error": Figure, "reliability": list[Reliability],
        "per_class": list[ClassFigures], "confusion": list[list[Count]],
        "temperature": float | None, "tempered": Tempered | None, "baselines": list[Baseline],
        "thresholds": list[Threshold], "sets": Sets | None, "outliers": Outliers | None,
        "known_from_training": Count, "accuracy_of_others": Figure | None, "notes": Texts,
        "slices": NotRequired[list[Slice]], "shortcuts": NotRequired[list[Shortcut]],
        "crops": NotRequired[Crops],
        "robustness": NotRequired[Robustness]},
    # `raw` is the file of arrays, None where none was requested.
    "explain": SEEN | {"maps": list[Look], "raw": str | None},
    "explain --maps": SEEN | {"picture": str, "layers": list[MapLayer]},
    "explain --channel": SEEN | {"layer": str, "channel": Count, "patches": list[Patch]},
    # `mildest` and `smallest` flips, `controls`: None without a flip.
    "explain --crops": SEEN | {
        "picture": str, "whole": Crop, "crops": list[Crop], "flips": Count,
        "mildest": Crop | None, "smallest": Crop | None, "controls": Controls | None},
    # `difference` is the largest of a probability. `share_of_size` and `accuracy_change` are None
    # but for onnx-int8, `levels` (of 255, the differences of pixels) without `--raw`.
    "export": {
        "path": str, "format": str, "raw": bool, "bytes": Count, "pictures": Count,
        "same_label": Count, "difference": Share, "share_of_size": float | None,
        "accuracy_change": Figure | None, "levels": Levels | None},
    # `features` is the file, `width` counts the features of a picture.
    "features": {"features": str, "pictures": Count, "width": Count, "plots": Texts},
    "fetch": DATASET,
    "journal": {"dataset": str, "created": AwareDatetime, "entries": list[Entry]},
    "journal ENTRY": ENTRY | {"changes": list[ColumnChange]},
    # `entry` is the one that was added; also of `--restore`.
    "journal --undo": {"dataset": str, "entry": Entry},
    # The content of crops.json: accuracies on the same pictures of models of whole pictures and of
    # crops. `runs`: for each seed, the run on whole pictures and that on crops.
    "crops": {
        "folder": str, "zoom": Share, "split": Split, "runs": list[Texts], "count": Count,
        "seeds": list[CropSeed], "more_whole": Count, "more_cropped": Count, "difference": float,
        "interval": list[float], "p": Share, "notes": Texts},
    # A number for each step; None where the loss is not finite.
    "lr-find": {
        "plot": str, "suggestion": Annotated[float, Gt(0)], "rule": str, "diverged": bool,
        "rates": list[float], "losses": list[float | None], "smoothed": list[float | None]},
    # `copied` by reason, `rejected` reasons by locator, `renamed` folders by the class's name.
    "materialize": {
        "folder": str, "pictures": Count, "linked": Count, "copied": Counts,
        "rejected": dict[str, str], "renamed": dict[str, str], "notes": Texts},
    "predict": {"run": str, "predictions": list[Prediction]},
    "recipes": {"recipes": list[Recipe]},
    # `value` is the recipe's, as in recipe.yaml.
    "recipes --schema": {"recipe": str, "keys": list[RecipeKey]},
    # `differences` of probabilities by format, None without golden pictures; `signed` is None where
    # no key was given.
    "verify": {
        "bundle": str, "tolerance": Share, "pictures": Count, "same_pixels": Count,
        "differences": dict[str, Share | None], "signed": bool | None},
    # Counts by split and class, by fold and class; `placed` pictures changed their split.
    "split": {
        "source": str, "dataset": str | None, "pictures": dict[Split, Counts],
        "folds": dict[str, Counts], "placed": Count, "groups": Groups, "plan": SplitPlan,
        "notes": Texts},
    # `trials` is None where a recipe was given.
    "train": {
        "run": str, "report": str, "interrupted": bool, "ended": Ended, "metrics": Metrics,
        "trials": Trials | None, "verdicts": Verdicts},
    # `parameters` counts the model's weights.
    "train --dry-run": DRY_RUN | {"recipe": Recipe, "parameters": Count},
    "train --dry-run --recipe auto": DRY_RUN | {"candidates": list[Candidate]},
    # The content of folds.json. The three figures of all folds are None while one is missing;
    # the deviation is that of a sample: divided by n - 1.
    "train --folds": {
        "folder": str, "interrupted": bool, "folds": list[Fold], "missing": list[Count],
        "accuracy_mean": Share | None, "accuracy_deviation": Annotated[float, Ge(0)] | None,
        "all": Scores | None, "recipe": Recipe, "data": FoldsData, "classes": Texts},
}


def schema(command: str) -> TypeAdapter[Any]:
    """The validator of a command's document."""
    return TypeAdapter(TypedDict(command, {"schema": Literal[1], **DOCUMENTS[command]}))


if __name__ == "__main__":
    print(json.dumps(schema(" ".join(sys.argv[1:])).json_schema(), indent=2))
