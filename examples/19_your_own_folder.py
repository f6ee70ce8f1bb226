# %% [markdown]
# # Your own folder
#
# Data: a folder for each class. Time: 17 minutes on two cores for 2,000 photos of cats and dogs.
# Result: 0.915 of the 1,000 validation photos, which choose the epoch (0.894 if they are held out),
# and a report that says where the model is wrong.

# %%
import viewfinder as vf
from stand_in import pictures, short

folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])

# %%
for finding in vf.audit(folder).findings:
    print(finding.sentence)

# %%
run = vf.train(folder, short(vf.recipe_named("scratch"), folder), output="runs")
print(f"validation: {run.metrics['validation']['accuracy']:.3f}")
for verdict in run.doctor().verdicts:
    print(verdict.sentence)
print(run.folder / "report.html")
