# %% [markdown]
# # Handwritten digits
#
# Data: scikit-learn's 1,797 digits, which need no download. Time: 12 s on two cores.
# Result: 0.919 of 359 test digits; the recipe has 0.986 of MNIST's 10,000 in 1.6 minutes.

# %%
import viewfinder as vf

dataset = vf.open(vf.fetch("digits"))
print(dataset.counts())

# %%
recipe = vf.recipe_named("course/mnist").changed({"training.epochs": 3})
run = vf.train(dataset, recipe, output="runs")

# %%
print(f"test: {run.metrics['test']['accuracy']:.3f}")
print(run.doctor().verdicts[0].sentence)
