"""How `recipes`, `bases` and `datasets` list what there is, and show one of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from viewfinder.cli.boundary import print_json


def show_list(
    documents: Mapping[str, Sequence[Mapping[str, Any]]],
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    as_json: bool,
) -> None:
    """Print a table with a row for each, or all of them as JSON.

    Args:
        documents: What they are, and each as JSON: `{"bases": [{"name": …}, …]}`.
        headings: Of the table.
        rows: Of the table, in the order of the documents.
        as_json: Whether to print JSON.
    """
    from viewfinder.cli.tables import print_table

    if as_json:
        print_json({"schema": 1, **documents})
    else:
        print_table(headings, rows, whole_names=True)


def show_one(kind: str, document: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one as YAML, or as JSON: a list of one."""
    import yaml

    if as_json:
        print_json({"schema": 1, kind: [document]})
    else:
        print(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), end="")
