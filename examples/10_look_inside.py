# %% [markdown]
# # Looking inside: every layer's output, and where the model looked
#
# Data: cats-and-dogs-filtered. Time: 4 s on two cores, after the training of example 9.
# Result: maps of every layer, and a heat map for each class.

# %%
import viewfinder as vf
from stand_in import cats_and_dogs

folder, run = cats_and_dogs()
classifier = vf.load(run.folder)
picture = sorted((folder / "validation").rglob("*.*"))[0]

# %%
figure = vf.draw(vf.feature_maps(classifier, picture))
figure.savefig("maps.png")
figure

# %%
found = vf.explain(classifier, picture, method="hirescam", classes=classifier.classes)
figure = vf.draw(found)
figure.savefig("where.png")
figure

# %%
for one in found:
    print(f"{one.label}: {one.probability:.3f}, map of {one.layer}, {one.values.shape}")
