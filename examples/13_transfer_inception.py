# %% [markdown]
# # Transfer learning with InceptionV3
#
# Data: cats-and-dogs-filtered (or horse-or-human, week 3's assignment), and InceptionV3's weights
# from ImageNet, 84 MB. Time: not measured here. Result: the course saw 0.95 and above.
#
# 1 load InceptionV3 without its top, 2 freeze it, 3 cut it at `mixed7`, 4 flatten, 5 dense 1,024,
# 6 dropout 0.2, 7 sigmoid, 8 RMSprop 1e-4, 9 split, 10 augment, 11 train, 12 plot, 13 predict.

# %%
import viewfinder as vf
from stand_in import is_generated, pictures

folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])
recipe = vf.recipe_named("course/cats-dogs-inception")
if is_generated(folder):  # without a download, and at once
    recipe = recipe.changed({"model.weights": "none", "training.epochs": 1, "input.size": [96, 96]})
print(recipe.model)

# %%
run = vf.train(folder, recipe, output="runs")
figure = vf.draw(run.history)
figure.savefig("transfer.png")
figure

# %%
picture = sorted((folder / "validation").rglob("*.*"))[0]
for answer in vf.load(run.folder).predict([picture]):
    print(answer.label, round(answer.confidence, 3))
