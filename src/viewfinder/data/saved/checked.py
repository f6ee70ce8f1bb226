"""Parquet files that may have been damaged, or made to do damage, since they were written."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from viewfinder.errors import DataError
from viewfinder.files import content_hash

# A few bytes can claim any number of rows; beyond this nothing is read.
_MOST_ROWS = 50_000_000


def checked_table(file: Path, expected: str) -> pd.DataFrame:
    """A table of text (and of whole numbers in `bytes`), if it is what was written.

    Raises:
        DataError: It is missing, is not what was written, or holds anything else.
    """
    try:
        if content_hash(file) != expected:
            raise ValueError("it is not what was written: its checksum differs")
        opened = pq.ParquetFile(file)
        if opened.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it claims {opened.metadata.num_rows:,} rows")
        for column in opened.schema_arrow:
            if column.type != (pa.int64() if column.name == "bytes" else column.type):
                raise ValueError(f"the column {column.name} is {column.type}")
            if column.name != "bytes" and column.type not in (pa.string(), pa.large_string()):
                raise ValueError(f"the column {column.name} is {column.type}, no text")
        table = opened.read()
        table.validate(full=True)  # Parquet's text is not checked to be text
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        # Without what pandas has noted in it, which may be anything.
        frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{file} is missing or damaged.",
            received=str(error).split("\n")[0],
            remedy="take the folder from a backup, or make the dataset again",
        ) from error
    return frame
