"""Records in files from outside: JSON that Pydantic validates, and YAML without aliases."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from viewfinder.core.errors import RunError, nearest
from viewfinder.core.files import read_regular, regular_status

# The confusion matrix of 1,000 classes takes 16 MB.
_MOST_JSON = 256 << 20
# A recipe with a plan of every augmentation takes 4 KB.
_MOST_YAML = 256 << 10
_DEEPEST = 32
_LONGEST_NUMBER = 100


class RunRecord(BaseModel):
    """A JSON file of a run: the keys that are read from it. Others are kept as they are."""

    model_config = ConfigDict(
        extra="allow", strict=True, allow_inf_nan=False, frozen=True, defer_build=True
    )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and validate a file.

        Raises:
            RunError: The file is missing or damaged.
        """
        try:
            return cls.model_validate_json(read_bounded(path, _MOST_JSON))
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error

    @property
    def content(self) -> dict[str, Any]:
        """The file's content, as plain dictionaries and lists."""
        return self.model_dump(exclude_unset=True)


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: It has more than `most` bytes.
    """
    if (size := regular_status(path).st_size) > most:
        raise ValueError(f"{size / 1e6:,.0f} MB")
    return read_regular(path)


def read_yaml_settings(path: Path) -> Any:
    """Read a YAML file as :func:`parse_yaml` parses it; raise also `OSError`."""
    return parse_yaml(read_bounded(path, _MOST_YAML).decode("utf-8"))


def damaged(path: Path, error: object) -> RunError:
    """Return the error about a file of a run that cannot be used."""
    missing = isinstance(error, FileNotFoundError)
    return RunError(
        f"The run {path.parent} has no {path.name}." if missing else f"{path} is damaged.",
        received=None if missing else reason(error),
        remedy="`viewfinder evaluate` writes metrics and predictions again, `viewfinder evaluate "
        "--coverage` prediction sets, `--inside` the outlier threshold; other files need the "
        "training, or a copy of the run",
    )


def as_expected(error: Any) -> tuple[str, str | None]:
    """Return what one of Pydantic's errors expects, and a remedy for a value that is no choice."""
    if error["type"] not in ("literal_error", "enum"):
        return error["msg"][0].lower() + error["msg"][1:], None
    choices = re.findall("'([^']*)'", error["ctx"]["expected"])
    return f"one of: {', '.join(choices)}", nearest(str(error["input"]), choices)


def reason(error: object) -> str:
    """Return what is wrong with a record, with the key concerned."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def parse_yaml(text: str) -> Any:
    """Parse YAML from a user or a stranger.

    Aliases are refused, because a few bytes of them can stand for gigabytes; so is text of more
    than 256 KB or more than 32 levels, a key that stands twice, of which one would be lost, and a
    number of more than 100 digits.

    Raises:
        ValueError: The text is not such YAML.
    """
    import yaml

    if len(text) > _MOST_YAML:
        raise ValueError(f"{len(text) / 1e6:,.1f} MB of YAML")
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"an alias, *{event.anchor}: write the value itself")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ValueError(f"more than {_DEEPEST} levels")
        _require_plain(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _require_plain(node: Any) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key, count in Counter(keys).items() if count > 1]:
            raise ValueError(f"the key {twice[0]} stands twice")
        for _, value in node.value:
            _require_plain(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _require_plain(value)
    elif node and len(node.value) > _LONGEST_NUMBER and node.tag.endswith(":int"):
        # Python refuses to print it in a message.
        raise ValueError(f"a number of {len(node.value):,} digits")
