"""Coverage of prediction sets: on random halves of a run's validation pictures, and in simulation.

    python benchmarks/sets.py RUN [--splits 20]
    python benchmarks/sets.py --smoke

One half of the validation pictures fits the levels, the other half is measured. Where MAPIE is
installed (pip install mapie), its sets are compared with these, picture by picture.
"""

import argparse
import json

import numpy as np

import harness
from viewfinder.classifier.sets import Method, PredictionSets
from viewfinder.evaluation.answers import arrays_of
from viewfinder.evaluation.conformal import SetOptions, fit_levels
from viewfinder.run import Run

METHODS: tuple[Method, ...] = ("lac", "aps")
COVERAGES = (0.8, 0.9, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    if given.smoke:
        random = np.random.default_rng(0)
        shares = random.dirichlet(np.ones(3), 200)
        labels, given.splits = (random.random((200, 1)) > shares.cumsum(1)).sum(1).clip(0, 2), 2
    else:
        run = Run.open(given.run)
        rows = run.predictions
        labels, shares = arrays_of(rows[rows["split"] == "validation"], run.classes)
    results = {
        f"{method} {coverage:g}": measured(labels, shares, SetOptions(coverage, method), given)
        for method in METHODS
        for coverage in COVERAGES
    }
    harness.OUT.mkdir(exist_ok=True)
    path = harness.OUT / "sets.json"
    path.write_text(json.dumps(results, indent=2))
    print(json.dumps(results, indent=2))
    print(f"saved {path}")


def measured(
    labels: np.ndarray, shares: np.ndarray, options: SetOptions, given: argparse.Namespace
) -> dict[str, float | None]:
    coverages, sizes, differing = [], [], []
    for seed in range(given.splits):
        order = np.random.default_rng(seed).permutation(len(labels))
        fit, rest = order[: len(order) // 2], order[len(order) // 2 :]
        sets = PredictionSets(
            coverage=options.coverage,
            method=options.method,
            by_class=False,
            levels=list(fit_levels(labels[fit], shares[fit], options)),
            pictures=len(fit),
            weaker=[],
            reject=None,
            model=None,
        )
        inside = sets.contains(shares[rest])
        coverages.append(inside[np.arange(len(rest)), labels[rest]].mean())
        sizes.append(inside.sum(axis=1).mean())
        theirs = of_mapie(labels[fit], shares[fit], shares[rest], options)
        if theirs is not None:
            differing.append((theirs != inside).any(axis=1).mean())
    return {
        "coverage": float(np.mean(coverages)),
        "smallest": float(np.min(coverages)),
        "largest": float(np.max(coverages)),
        "size": float(np.mean(sizes)),
        "sets_unlike_mapie": float(np.mean(differing)) if differing else None,
    }


def of_mapie(
    labels: np.ndarray, shares: np.ndarray, others: np.ndarray, options: SetOptions
) -> np.ndarray | None:
    try:
        from mapie.classification import SplitConformalClassifier
    except ImportError:
        return None
    if options.method == "aps" and shares.shape[1] == 2:  # refused by MAPIE
        return None
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):
        """Answers with the probabilities that it is given."""

        classes_ = np.arange(shares.shape[1])
        n_features_in_ = shares.shape[1]

        def fit(self, *_: object) -> "Given":
            return self

        def predict_proba(self, given: np.ndarray) -> np.ndarray:
            return given

        def predict(self, given: np.ndarray) -> np.ndarray:
            return given.argmax(axis=1)

    theirs = SplitConformalClassifier(
        Given(),
        confidence_level=options.coverage,
        prefit=True,
        conformity_score=options.method,
        random_state=0,
    )
    theirs.conformalize(shares, labels)
    last = {"conformity_score_params": {"include_last_label": True}}
    more = last if options.method == "aps" else {}
    return theirs.predict_set(others, **more)[1][:, :, 0]


if __name__ == "__main__":
    main()
