"""The pictures of each finding as a CSV file, which `clean` takes for relabelling."""

from pathlib import Path

import numpy as np
import pandas as pd

from viewfinder.audit.audit import Audit
from viewfinder.audit.finding import Finding
from viewfinder.core.files import written_whole


def write_lists(audit: Audit, folder: Path) -> list[Path]:
    """Write a CSV file for each finding about pictures, named for its check.

    Args:
        audit: The findings.
        folder: The folder; made where it is missing. Files of earlier findings are replaced.

    Returns:
        The files, in the order of the findings.

    Raises:
        OutputError: A file cannot be written.
    """
    labels = audit.dataset.table.drop_duplicates("locator").set_index("locator")["label"]
    written = []
    for finding in audit.findings:
        if finding.paths:
            written.append(folder / f"{finding.slug}.csv")
            with written_whole(written[-1]) as temporary:
                rows_of(finding, labels).to_csv(temporary, index=False)
    return written


def rows_of(finding: Finding, labels: pd.Series) -> pd.DataFrame:
    """Return a row for each picture of a finding, in its order.

    Args:
        finding: A finding about pictures.
        labels: The label of each locator.

    Returns:
        `locator`; `label`, the suggested one of doubtful labels; `given`, the label so far;
        `right`, the probability that it is right; `group`, from 1; and `note`. Columns that say
        nothing of this finding are absent.
    """
    given = labels.loc[list(finding.paths)].to_numpy()
    table = pd.DataFrame({"locator": finding.paths, "label": finding.suggested or given})
    if finding.suggested:
        table = table.assign(given=given, right=np.round(finding.right, 6))
    if finding.groups:
        numbers = [at for at, group in enumerate(finding.groups, 1) for _ in group]
        table = table.assign(group=numbers)
    return table.assign(note=finding.notes)
