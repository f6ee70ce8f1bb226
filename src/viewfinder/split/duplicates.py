"""Groups of duplicates, as a split keeps them together."""

from typing import TYPE_CHECKING

from viewfinder.core.progress import Progress
from viewfinder.data.splits.groups import Groups, together

if TYPE_CHECKING:
    from viewfinder.data.dataset import Dataset


def by_duplicates(dataset: "Dataset", progress: Progress | None = None) -> Groups:
    """Near duplicates together where that can be, exact copies always.

    Looks at every picture that the audit has not measured before.

    Raises:
        OutputError: The audit's cache cannot be written.
    """
    from viewfinder.audit import duplicate_groups, survey

    found = duplicate_groups(survey(dataset, progress=progress))
    return Groups(together(found.keys()), found.keys(near=False), "groups of duplicates")
