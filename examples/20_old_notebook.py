# %% [markdown]
# # An old notebook: migrate, then run
#
# Data: cats-and-dogs-filtered. Time: 8 s on two cores. Result: code of 2018 runs on Keras 3.

# %%
from pathlib import Path

from stand_in import pictures
from viewfinder.compat.migrate.files import migrate

folder = pictures("cats-and-dogs-filtered", ["cats", "dogs"])
OLD = f"""
from keras.models import Sequential
from keras.layers.core import Dense, Flatten
from keras.optimizers import RMSprop
from keras.preprocessing.image import ImageDataGenerator

train = ImageDataGenerator(rescale=1./255).flow_from_directory(
    {str(folder / "train")!r}, target_size=(32, 32), class_mode='binary', batch_size=20)
model = Sequential([Flatten(input_shape=(32, 32, 3)), Dense(1, activation='sigmoid')])
model.compile(loss='binary_crossentropy', optimizer=RMSprop(lr=0.001), metrics=['accuracy'])
history = model.fit_generator(train, steps_per_epoch=len(train), epochs=2, workers=2, verbose=0)
print(history.history['acc'])
"""

# %%
script = Path("old_notebook.py")
script.write_text(OLD)
for outcome in migrate(script, write=True):
    print(outcome.diff)

# %%
exec(script.read_text())
