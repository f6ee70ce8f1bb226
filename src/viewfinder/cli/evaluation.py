"""What `viewfinder evaluate` prints of one split or of other pictures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from viewfinder.cli.tables import print_lines, print_table

if TYPE_CHECKING:
    from viewfinder.audit.shortcuts import Shortcut
    from viewfinder.core.shares import Figure
    from viewfinder.evaluation.crops import CropScores
    from viewfinder.evaluation.robustness import Robustness
    from viewfinder.evaluation.slices import Slice
    from viewfinder.evaluation.thresholds import Threshold
    from viewfinder.run.evaluation import Evaluation
    from viewfinder.run.outliers import OutlierEvaluation
    from viewfinder.run.sets import SetsEvaluation

_MOST_CLASSES = 20
_LEAST_SLICES = 5


def show_evaluation(found: "Evaluation", *, everything: bool) -> None:
    """Print figures, classes, confusion matrix, calibration, thresholds and notes."""
    metrics = found.metrics
    count = metrics.scores.count
    print_lines(f"{found.data}: {count:,} picture{'' if count == 1 else 's'}")
    print_table(["", "figure", "95 % interval"], _figures(found), numbers=True)
    print_lines("")
    most = None if everything else _MOST_CLASSES
    rows = [
        [
            one.name,
            f"{one.support:,}",
            *map(_value, (one.precision, one.recall, one.f1, one.auc, one.average_precision)),
        ]
        for one in metrics.per_class[:most]
    ]
    headings = ["class", "pictures", "precision", "recall", "F1", "AUC", "PR AUC"]
    print_table(headings, rows, numbers=True)
    if most and len(metrics.per_class) > most:
        print_lines(f"… {len(metrics.per_class) - most} more classes; --verbose prints all")
    elif len(metrics.per_class) <= _MOST_CLASSES:
        print_lines("")
        names = [one.name for one in metrics.per_class]
        counts = [
            [name, *map(str, row)]
            for name, row in zip(names, metrics.scores.confusion, strict=True)
        ]
        print_table(["true \\ predicted", *names], counts, numbers=True)
    print_lines("", *_lines(found))


def show_slices(
    slices: "tuple[Slice, ...]", shortcuts: "tuple[Shortcut, ...]", *, everything: bool
) -> None:
    """Print the worst slices, and what each property tells of the label."""
    worse = sum(one.is_worse for one in slices)
    shown = slices if everything else slices[: max(worse, _LEAST_SLICES)]
    print_lines("")
    rows = [
        [
            f"{one.name}: {one.value}",
            f"{one.count:,}",
            _value(one.accuracy),
            _interval(one.accuracy),
            f"{one.others:.4f}",
            f"{one.p:.3g}",
            "yes" if one.is_worse else "no",
        ]
        for one in shown
    ]
    headings = ["slice", "pictures", "accuracy", "interval, all at once", "others", "p", "worse"]
    print_table(headings, rows, numbers=True)
    print_lines(
        f"Slices less accurate than the other pictures: {worse} of {len(slices)} (Fisher's exact "
        "test, Holm's correction, 5 %).",
    )
    print_lines("")
    if not shortcuts:
        print_lines("Too few pictures to test whether a property tells the label.")
        return
    rows = [
        [
            one.name,
            _value(one.accuracy),
            _interval(one.accuracy),
            _value(one.majority),
            f"{one.p:.3g}",
            "yes" if one.tells else "no",
        ]
        for one in shortcuts
    ]
    headings = ["property alone", "accuracy", "95 % interval", "majority class", "p", "tells label"]
    print_table(headings, rows, numbers=True)


def show_robustness(found: "Robustness") -> None:
    """Print the accuracy after each change and strength."""
    print_lines("")
    rows = [["none", "", _value(found.unchanged), _interval(found.unchanged), ""]]
    rows += [
        [one.change, one.amount, _value(one.accuracy), _interval(one.accuracy), f"{one.lost:,}"]
        for one in found.changed
    ]
    headings = ["change", "strength", "accuracy", "95 % interval", "lost answers"]
    print_table(headings, rows, numbers=True)
    print_lines(f"Robustness on {found.count:,} pictures, changed as the model receives them.")


def show_crops(found: "CropScores") -> None:
    """Print the accuracy on parts of the pictures."""
    print_lines("")
    rows = [["whole picture", _value(found.whole), _interval(found.whole), "", "", "", ""]]
    rows += [
        [
            one.name,
            _value(one.accuracy),
            _interval(one.accuracy),
            f"{one.lost:,}",
            f"{one.gained:,}",
            f"{one.p:.3g}",
            "" if one.tells is None else ("yes" if one.tells else "no"),
        ]
        for one in found.views
    ]
    headings = ["shown", "accuracy", "95 % interval", "lost", "gained", "p", "tells label"]
    print_table(headings, rows, numbers=True)
    print_lines(
        f"Parts of {found.count:,} pictures; the commonest class is {found.majority.value:.4f} of "
        "them. p: McNemar's exact test against whole pictures, Holm's correction.",
    )


def _figures(found: "Evaluation") -> Iterator[list[str]]:
    from viewfinder.core.shares import Figure

    figures = {
        **{str(name): Figure(*row) for name, *row in found.metrics.figures.itertuples(name=None)},
        **{f"accuracy, {one.name}": one.accuracy for one in found.baselines},
        **{f"balanced accuracy, {one.name}": one.balanced_accuracy for one in found.baselines},
    }
    for name, figure in figures.items():
        yield [name, _value(figure), _interval(figure)]


def _lines(found: "Evaluation") -> Iterator[str]:
    if found.tempered is not None:
        before, after = found.metrics, found.tempered
        worse = after.log_loss.value > before.log_loss.value
        yield (
            f"Temperature {found.temperature:.3g}, fitted on validation: log loss "
            f"{before.log_loss.value:.4f} → {after.log_loss.value:.4f}, calibration error "
            f"{before.calibration.error.value:.4f} → {after.calibration.error.value:.4f}"
            + ("; it does not help on these pictures" if worse else "")
        )
    yield from map(_threshold, found.thresholds)
    if found.sets is not None:
        yield from _sets(found.sets)
    if found.outliers is not None:
        yield from _outliers(found.outliers)
    if found.accuracy_of_others is not None:
        others = found.accuracy_of_others
        yield (
            f"{found.known:,} of the pictures are in the run's training. Accuracy without them: "
            f"{_value(others)} ({_interval(others)})"
        )
    yield from found.notes


def _threshold(found: "Threshold") -> str:
    condition = f"{found.condition.figure} ≥ {found.condition.goal:g} for {found.condition.name}"
    if found.threshold is None:
        return f"{condition}: no threshold suffices (chosen on {found.chosen_on})"
    return (
        f"{condition}: from probability {found.threshold:.4g} (chosen on {found.chosen_on}): "
        f"precision {_value(found.precision)} ({_interval(found.precision)}), "
        f"recall {_value(found.recall)} ({_interval(found.recall)})"
    )


def _sets(found: "SetsEvaluation") -> Iterator[str]:
    sets, figures = found.sets, found.figures
    by_class = ", by class" if sets.by_class else ""
    yield (
        f"Prediction sets ({sets.method.upper()}{by_class}) for a coverage of {sets.coverage:g}, "
        f"fitted on {sets.pictures:,} {sets.of} pictures, kept for `predict --coverage "
        f"{sets.coverage:g}`"
    )
    if figures is not None:
        sizes = ", ".join(
            f"{count:,} {'unknown' if size == 0 else f'of {size}'}"
            for size, count in figures.sizes.items()
        )
        yield f"Coverage: {_value(figures.coverage)} ({_interval(figures.coverage)})"
        if sets.by_class:
            least = min(figures.by_class, key=lambda name: figures.by_class[name].value)
            figure = figures.by_class[least]
            yield f"Least coverage of a class: {least}, {_value(figure)} ({_interval(figure)})"
        yield f"Classes in a set: {figures.mean_size:.2f} on average; sets by size: {sizes}"
    most = 1 - sets.coverage
    if sets.reject is None:
        yield f"No threshold bounds the error by {most:.3g} with 95 % confidence"
        return
    yield (
        f"Above a confidence of {sets.reject.above:.4g}, at most {sets.reject.error_bound:.3g} of "
        f"the answers are wrong, with 95 % confidence"
    )
    if figures is not None and figures.answered and figures.error:
        yield (
            f"Answered: {_value(figures.answered)} ({_interval(figures.answered)}), wrong among "
            f"them: {_value(figures.error)} ({_interval(figures.error)})"
        )


def _outliers(found: "OutlierEvaluation") -> Iterator[str]:
    settings, figures = found.outliers.settings, found.figures
    yield (
        f"Outlier threshold for {settings.inside:g} of the pictures, fitted on "
        f"{settings.pictures:,} {found.of} pictures, kept for `predict`"
    )
    if figures is None:
        return
    yield f"Unknown by it: {_value(figures.unknown)} ({_interval(figures.unknown)})"
    if figures.others and figures.auroc:
        yield (
            f"Pictures of other things: {_value(figures.others)} ({_interval(figures.others)}) "
            f"unknown; AUROC {_value(figures.auroc)} ({_interval(figures.auroc)})"
        )


def _value(figure: "Figure") -> str:
    return "–" if np.isnan(figure.value) else f"{figure.value:.4f}"


def _interval(figure: "Figure") -> str:
    # One picture bounds no mean of losses.
    is_known = np.isfinite([figure.value, figure.low, figure.high]).all()
    return f"{figure.low:.3f}–{figure.high:.3f}" if is_known else "–"
