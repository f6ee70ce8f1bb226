"""The `Run`: a folder with all files of one training, readable on its own.

recipe.yaml          all settings of the training
data.parquet         a row per picture: locator, label, split, status, size, content hash
skipped.csv          the files that were not used, and why
labels.json          the classes in the order of the model's outputs, and the preprocessing
best.keras           the model of the best epoch; with a linear head, once it has been used
model.onnx           the model of the best epoch, for predictions without Keras
last.keras           the model of the last epoch
history.csv          a row per epoch
trials.json          the candidates, where no recipe was given
probe.json           for a linear head on a base: the result of each strength on the folds
metrics.json         accuracy, loss and per-class figures of each split
predictions.parquet  a row per prediction
out_of_fold.parquet  for a linear head: the training pictures' predictions by other folds' heads
settings.json        the temperature, and the thresholds of classes
prediction_sets.json the fitted levels of prediction sets, and the reject threshold
outliers.json        the threshold of outliers; with outlier_features.npy, the training features
doctor.json          the diagnosis of the training, with suggestions
environment.json     versions, backend, machine, the path of the data
timing.json          durations, the stage that limits the training, and why it ended
checkpoint/          the state from which a stopped training resumes
fine_tuning/         this state and the models of both phases, until fine-tuning has ended
model.txt            the layers of the model
plots/, report.html  for people
report.json          the numbers of the report
model-card.md        a card for sharing the model
.lock                held during a training, so that no other training writes to the folder
"""

from viewfinder.run.folds import CrossValidation
from viewfinder.run.run import Run, open_run

__all__ = ["CrossValidation", "Run", "open_run"]
