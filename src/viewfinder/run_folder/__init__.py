"""The folder of one training: the path, writer and reader of each file, and their records."""

from viewfinder.run_folder.folder import (
    FOLDS,
    RunFolder,
    best_epoch,
    of_kept_phase,
    skipped_table,
)

__all__ = ["FOLDS", "RunFolder", "best_epoch", "of_kept_phase", "skipped_table"]
