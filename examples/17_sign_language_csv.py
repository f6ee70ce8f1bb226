# %% [markdown]
# # Sign language from a CSV of pixels
#
# Data: sign-language-mnist from Kaggle, a row a picture: label, then 784 pixels; 24 letters, for J
# and Z are movements. Time: 12 s for 188 pictures on two cores. Result: classes named by letter;
# accuracy not measured on Kaggle's 34,627 pictures.

# %%
import csv

import numpy as np
from PIL import Image

import viewfinder as vf
from stand_in import is_generated, pictures, short

folder = pictures("sign-language-mnist", ["A", "B", "C"], side=28, gray=True)
LETTERS = "ABC" if is_generated(folder) else "ABCDEFGHIKLMNOPQRSTUVWXY"

# %%
if is_generated(folder):  # as Kaggle's file is
    folder = folder.parent / "signs"
    folder.mkdir()
    for split, name in (("train", "sign_mnist_train.csv"), ("validation", "sign_mnist_test.csv")):
        with (folder / name).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
            for path in sorted((folder.parent / "sign-language-mnist" / split).rglob("*.png")):
                label = LETTERS.index(path.parent.name)
                table.writerow([label, *np.asarray(Image.open(path)).ravel()])

# %%
dataset = vf.open(folder, classes=list(LETTERS))
print(dataset.counts())
run = vf.train(dataset, short(vf.recipe_named("course/sign-language"), folder), output="runs")
print(f"validation: {run.metrics['validation']['accuracy']:.3f}")
for answer in vf.load(run.folder).predict([dataset.source.read(dataset.table["locator"].iloc[0])]):
    print(answer.label, round(answer.confidence, 3))
