"""The `Run`: a folder with everything that one training left, readable on its own.

recipe.yaml          everything the run depended on, apart from the pictures
data.parquet         a row a picture: where, label, split, status, size, content hash
skipped.csv          what was found and not used, and why
labels.json          the classes in the model's order, and the preprocessing
best.keras           the model of the best epoch        last.keras   of the last one
history.csv          a row an epoch
trials.json          what else was tried, where no recipe was named
probe.json           of a linear head on a base: what each strength came to on the folds
metrics.json         accuracy, loss and per-class figures of each split
predictions.parquet  a row an answer
doctor.json          what is wrong with the training, and what to try
environment.json     versions, backend, machine, where the data was
timing.json          how long things took, and why the training ended
checkpoint/          where a training that was stopped goes on
fine_tuning/         the same, and both phases' models, until a fine-tuning has ended
plots/, report.html  for people
.lock                held while it is trained, so that no other training writes to it
"""

from viewfinder.run.run import Run
from viewfinder.run_folder import RunFiles, best_epoch, plain_name, skipped_table

__all__ = ["Run", "RunFiles", "best_epoch", "plain_name", "skipped_table"]
