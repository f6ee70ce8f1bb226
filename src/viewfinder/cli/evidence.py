"""The options of a command that checks labels by features: `--features`, `--alpha`, `--weights`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viewfinder.cli.options import Alpha, BaseOptions, Weights
from viewfinder.core.errors import UsageError

if TYPE_CHECKING:
    from viewfinder.core.progress import Progress
    from viewfinder.data.dataset import Dataset


@dataclass(frozen=True)
class EvidenceOptions:
    """What an audit takes for doubtful labels and outliers."""

    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|BASE",
            help="Also find doubtful labels and outliers, by a file of `viewfinder features` or "
            "by this base.",
        ),
    ] = None
    alpha: Alpha = None
    weights: Weights = None

    def check(self) -> None:
        """Refuse settings of a base where there is none.

        Raises:
            UsageError: There are some.
        """
        is_base = self.features is not None and not self._is_file
        if not is_base and (self.alpha is not None or self.weights is not None):
            raise UsageError(
                "--alpha and --weights are settings of a base.",
                expected="--features with the name of a base, such as MobileNetV2",
                received=f"--features {self.features}" if self.features else "no --features",
            )

    @property
    def _is_file(self) -> bool:
        return Path(self.features or "").suffix in (".npz", ".parquet")

    def of(self, dataset: "Dataset", progress: "Progress") -> dict[str, Any]:
        """Return `features` and `probabilities` for the audit of this dataset."""
        if self.features is None:
            return {}
        from viewfinder.models.features.table import evidence

        base = BaseOptions(self.features, self.alpha, self.weights)
        origin = Path(self.features) if self._is_file else base.for_features()
        return evidence(dataset, origin, progress)
