# %% [markdown]
# # Sign language from a CSV of pixels
#
# Data: sign-language-mnist from Kaggle, a row a picture: label, then 784 pixels; 24 letters
# (9 and 25, J and Z, are movements).
# Time: a minute on two cores. Result: the letters by name; not measured on Kaggle's files.

# %%
import csv
from string import ascii_uppercase as letters

import numpy as np
from PIL import Image

import viewfinder as vf
from stand_in import is_generated, pictures, short

folder = pictures("sign-language-mnist", ["A", "B", "C"], side=28, gray=True)

# %%
if is_generated(folder):  # as Kaggle's file is
    folder = folder.parent / "signs"
    folder.mkdir()
    for split, name in (("train", "sign_mnist_train.csv"), ("validation", "sign_mnist_test.csv")):
        with (folder / name).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
            for path in sorted((folder.parent / "sign-language-mnist" / split).rglob("*.png")):
                label = letters.index(path.parent.name)
                table.writerow([label, *np.asarray(Image.open(path)).ravel()])

# %%
dataset = vf.open(folder)
print(dataset.counts())
run = vf.train(dataset, short(vf.recipe_named("course/sign-language"), folder), output="runs")
accuracy = run.metrics["validation"]["accuracy"]
print(f"{accuracy:.3f} of the letters {[letters[int(name)] for name in dataset.classes]}")
