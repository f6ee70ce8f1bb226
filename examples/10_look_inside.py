# %% [markdown]
# # Looking inside: every layer's output, and where the model looked
#
# Data: cats-and-dogs-filtered. Time: 5 minutes on two cores, of which 10 s after the training.
# Result: maps of every layer, and a heat map for each class.

# %%
import viewfinder as vf
from stand_in import pictures, short
from viewfinder.pages.explanations.maps import draw_maps
from viewfinder.pages.explanations.where import draw_explanations

folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])
run = vf.train(folder, short(vf.recipe_named("course/cats-dogs"), folder), output="runs")
classifier = vf.load(run.folder)
picture = next(path for path in sorted((folder / "validation").rglob("*.*")))

# %%
draw_maps(vf.feature_maps(classifier, picture)).savefig("maps.png")

# %%
found = vf.explain(classifier, picture, method="hirescam", classes=classifier.classes)
draw_explanations(found).savefig("where.png")
for one in found:
    print(f"{one.label}: {one.probability:.3f}, map of {one.layer}, {one.values.shape}")
