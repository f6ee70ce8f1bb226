# %% [markdown]
# # The cat that was a dog until it was cropped
#
# Data: cats-and-dogs-filtered. Time: 2 s on two cores, after the training of example 9.
# Result: 53 of 196 crops of one photo of a cat are answered dogs. So are crops of 15 of 19 other
# photos of cats, so this says more about the model than about the photo.

# %%
import viewfinder as vf
from stand_in import cats_and_dogs

folder, run = cats_and_dogs()

# %%
picture = sorted((folder / "validation").rglob("*.*"))[0]
found = vf.crop_map(vf.load(run.folder), picture, controls=run.dataset.only("validation"))
print(found)
figure = vf.draw(found)
figure.savefig("crops.png")
figure

# %%
if flip := found.mildest:
    print(f"cropped to {flip.zoom:.0%} of each side: {flip.label} {flip.probability:.3f}")
if found.controls:
    print(found.controls.sentence)
