# %% [markdown]
# # Saving and loading: .keras, .h5, weights
#
# Data: none. Time: 10 s. Result: every file gives the same answers.

# %%
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np

folder = Path(tempfile.mkdtemp())
layers = [keras.Input((28, 28, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
x = np.random.default_rng(0).random((2, 28, 28, 1))
expected = model.predict(x, verbose=0)

# %% [markdown]
# The whole model: `.keras` is the format of Keras 3, `.h5` that of Keras 2.

# %%
for name in ("model.keras", "model.h5"):
    model.save(folder / name)
    again = keras.models.load_model(folder / name)
    print(name, np.allclose(again.predict(x, verbose=0), expected))

# %% [markdown]
# The weights alone, for a model that code builds.

# %%
model.save_weights(folder / "model.weights.h5")
copy = keras.models.clone_model(model)
copy.load_weights(folder / "model.weights.h5")
print("weights", np.allclose(copy.predict(x, verbose=0), expected))
with h5py.File(folder / "model.weights.h5") as file:
    file.visititems(
        lambda name, item: print(" ", name, item.shape) if hasattr(item, "shape") else None
    )
