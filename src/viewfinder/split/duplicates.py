"""Groups of duplicates that a split keeps together."""

from viewfinder.audit import duplicate_groups, survey
from viewfinder.core.progress import Progress
from viewfinder.data.dataset import Dataset
from viewfinder.data.splits.groups import Groups, connected


def by_duplicates(dataset: Dataset, progress: Progress | None = None) -> Groups:
    """Groups of near duplicates; those of exact duplicates are required.

    Measures every picture that no audit has measured before.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    found = duplicate_groups(survey(dataset, progress=progress))
    return Groups(connected(found.keys()), found.keys(near=False), "groups of duplicates")
