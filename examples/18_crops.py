# %% [markdown]
# # The cat that was a dog until it was cropped
#
# Data: cats-and-dogs-filtered. Time: 5 minutes on two cores, of which 10 s after the training.
# Result: the answer for 196 crops of one picture; whether a flip is unusual, control pictures say.

# %%
import viewfinder as vf
from stand_in import pictures, short
from viewfinder.pages.explanations.crops import draw_crops

folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])
run = vf.train(folder, short(vf.recipe_named("course/cats-dogs"), folder), output="runs")

# %%
classifier = vf.load(run.folder)
held_out = run.dataset.only("validation")
picture = next(path for path in sorted((folder / "validation").rglob("*.*")))
found = vf.crop_map(classifier, picture, controls=held_out)
draw_crops(found).savefig("crops.png")
print(found)
print("mildest crop that flips the answer:", found.mildest)
