# %% [markdown]
# # Your own folder
#
# Data: a folder for each class. Time: a minute on two cores for a thousand photos. Result: a report
# that says how good the model is, where it is wrong, and what to try.

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
