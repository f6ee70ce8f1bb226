"""Scripts as people wrote them for Keras 1 and 2, on a folder `pets` and a table `digits.csv`."""

GENERATOR = """
import tensorflow as tf
from keras.preprocessing.image import ImageDataGenerator
from keras.optimizers import RMSprop
model = tf.keras.models.Sequential([
    tf.keras.layers.Conv2D(2, (3,3), activation='relu', input_shape=(16, 16, 3)),
    tf.keras.layers.MaxPooling2D(2, 2),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(1, activation='sigmoid')
])
model.compile(loss='binary_crossentropy', optimizer=RMSprop(lr=0.001), metrics=['acc'])
train_datagen = ImageDataGenerator(rescale=1./255, rotation_range=40, zoom_range=0.2)
train_generator = train_datagen.flow_from_directory(
        'pets', target_size=(16, 16), batch_size=4, class_mode='binary')
"""

SCRIPTS = {
    "cats and dogs": GENERATOR
    + """
history = model.fit_generator(
      train_generator,
      steps_per_epoch=2,  # images = batch_size * steps
      epochs=1,
      validation_data=train_generator,
      validation_steps=1,
      verbose=0)
acc = history.history['acc']
val_acc = history.history['val_acc']
RESULT = len(acc)
""",
    "evaluate and predict": GENERATOR
    + """
loss, acc = model.evaluate_generator(train_generator, steps=2, workers=2, max_queue_size=3)
RESULT = len(model.predict_generator(train_generator, 8/4))
""",
    "workers in fit": GENERATOR
    + """
model.fit(train_generator, epochs=1, workers=4,
          use_multiprocessing=False, verbose=0)
RESULT = True
""",
    "positional steps": GENERATOR
    + "RESULT = model.fit_generator(train_generator, len(train_generator.filenames)/4, 1, 0)\n",
    "callback on acc": """
import tensorflow as tf
from tensorflow import keras
import numpy as np
class myCallback(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if(logs.get('acc')>-1):
            print("\\nReached accuracy so cancelling training!")
            self.model.stop_training = True
x, y = np.zeros((8, 28, 28)), np.zeros(8)
model = tf.keras.models.Sequential([
  tf.keras.layers.Flatten(input_shape=(28, 28)),
  tf.keras.layers.Dense(8, activation=tf.nn.relu),
  tf.keras.layers.Dense(10, activation=tf.nn.softmax)
])
model.compile(optimizer=tf.train.AdamOptimizer(),
              loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(x, y, epochs=3, verbose=0, callbacks=[myCallback()])
RESULT = len(history.history['acc']) == 1
""",
    "hello world": """
import numpy as np
from keras.layers.core import Dense
from keras.models import Sequential
model = Sequential([Dense(units=1, input_shape=[1])])
model.compile(optimizer='sgd', loss='mean_squared_error')
model.fit(np.arange(6.), np.arange(6.), nb_epoch=2, verbose=0)
RESULT = model.predict(np.array([10.0])).shape == (1, 1)
""",
    "Keras 1": """
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.normalization import BatchNormalization
from keras.utils import np_utils
from keras import backend as K
K.set_image_dim_ordering('tf')
Y = np_utils.to_categorical(np.arange(8) % 3, 3)
X = np.zeros((8, 12, 12, 1))
model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode='valid', init='he_normal', input_shape=(12, 12, 1)))
model.add(BatchNormalization(mode=0))
model.add(Activation('relu'))
model.add(Convolution2D(4, 3, 3, subsample=(2, 2), dim_ordering='tf', bias=False))
model.add(MaxPooling2D(pool_size=(2,2), border_mode='same'))
model.add(Dropout(p=0.25))
model.add(Flatten())
model.add(Dense(output_dim=3, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(X, Y, batch_size=4, nb_epoch=1, verbose=0)
assert K.image_dim_ordering() == 'channels_last'
RESULT = model.layers[0].output_shape == (None, 10, 10, 4)
""",
    "Keras 1 samples": GENERATOR
    + """
model.fit_generator(train_generator, samples_per_epoch=8, nb_epoch=1, nb_worker=1,
                    validation_data=train_generator, nb_val_samples=7, verbose=0)
RESULT = True
""",
    "functional model": """
from keras.models import Model
from keras.layers import Input
from keras.layers.core import Dense
a = Input((3,))
model = Model(input=a, output=Dense(2)(a))
RESULT = model.output_shape == (None, 2)
""",
    "shapes of layers": GENERATOR
    + """
shapes = []
for layer in model.layers:
    shapes.append(layer.output_shape)
last_layer = model.get_layer(index=1)
RESULT = shapes[0] == (None, 14, 14, 2) and last_layer.output_shape == (None, 7, 7, 2)
""",
    "decay": """
import numpy as np
from keras.optimizers import SGD
optimizer = SGD(lr=0.5, momentum=0.9, decay=0.1, nesterov=True)
optimizer.build([])
RESULT = abs(float(optimizer.learning_rate) - 0.5) < 1e-6
""",
    "lower-case optimizer": """
from keras.optimizers import adam
RESULT = float(adam(lr=0.01, epsilon=None, decay=0.0).learning_rate)
""",
    "classes": """
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense
model = Sequential([Dense(3, activation='softmax', input_shape=(2,))])
x = np.random.rand(5, 2)
RESULT = (model.predict_classes(x) == model.predict_proba(x).argmax(axis=1)).all()
""",
    "classes of a sigmoid": GENERATOR
    + """
import numpy as np
classes = model.predict_classes(np.zeros((3, 16, 16, 3)), batch_size=10)
RESULT = classes.shape == (3, 1) and classes.dtype.kind == 'i'
""",
    "weights": GENERATOR
    + """
model.save_weights('first_try.h5')
model.load_weights('first_try.h5')
RESULT = True
""",
    "files in variables": GENERATOR
    + """
import os
from keras.callbacks import ModelCheckpoint
from keras.models import load_model
filepath = os.path.join('.', 'weights-{epoch:02d}.hdf5')
best = 'best.hdf5'
weights_path = 'kept.h5'
stops = [ModelCheckpoint(filepath, monitor='loss', save_weights_only=True),
         ModelCheckpoint(filepath=best, monitor='loss')]
model.fit_generator(train_generator, epochs=1, callbacks=stops, verbose=0)
model.save_weights(weights_path)
model.load_weights('weights-01.hdf5' if os.path.exists('weights-01.hdf5') else weights_path)
RESULT = load_model(best).count_params() == load_model('best.hdf5').count_params()
""",
    "pictures with masks": GENERATOR
    + """
import keras
import numpy as np
settings = dict(target_size=(16, 16), class_mode=None, seed=1, batch_size=4)
image_generator = train_datagen.flow_from_directory('pets', **settings)
mask_generator = train_datagen.flow_from_directory('pets', color_mode='grayscale', **settings)
train_generator = zip(image_generator, mask_generator)
by_tensorflow = tf.keras.preprocessing.image.ImageDataGenerator().flow(np.zeros((2, 4, 4, 1)))
assert by_tensorflow.next().shape == (2, 4, 4, 1)
net = keras.models.Sequential([keras.layers.Conv2D(1, 1, input_shape=(16, 16, 3))])
net.compile('sgd', 'mse')
history = net.fit_generator(train_generator, steps_per_epoch=3, epochs=1, verbose=0)
RESULT = next(train_generator)[1].shape == (4, 16, 16, 1) and history.history['loss']
""",
    "layers of activations": """
import numpy as np
from keras.models import Sequential
from keras.layers import Activation, Dense
model = Sequential([Dense(3, input_shape=(2,)), Activation('softmax')])
model.compile('sgd', 'categorical_crossentropy')
x = np.random.rand(6, 2)
model.fit(x, np.eye(3)[[0, 1, 2] * 2], class_weight='auto', verbose=0)
RESULT = (model.predict_classes(x) == model.predict(x).argmax(1)).all()
""",
    "metrics of one's own": """
import numpy as np
from keras.models import Sequential
from keras.layers import Dense
from keras import backend as K
def f1(y_true, y_pred):
    hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    precision = hits / (K.sum(K.round(K.clip(y_pred, 0, 1))) + K.epsilon())
    recall = hits / (K.sum(K.flatten(K.cast(y_true, 'float32'))) + K.epsilon())
    return 2 * precision * recall / (precision + recall + K.epsilon())
def right(y_true, y_pred):
    return K.mean(K.equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1)))
model = Sequential([Dense(3, activation='softmax', input_shape=(2,))])
model.compile('sgd', lambda a, b: K.mean(K.square(a - b), axis=-1), metrics=[f1, right])
history = model.fit(np.random.rand(6, 2), np.eye(3)[[0, 1, 2] * 2], verbose=0).history
RESULT = 0 <= history['f1'][0] <= 1 and history['right']
""",
    "two inputs": """
import numpy as np
from keras.models import Model
from keras.layers import Input, concatenate
from keras.layers.core import Dense
def batches():
    while True:
        yield [np.zeros((2, 3)), np.ones((2, 3))], [np.zeros((2, 1)), np.zeros((2, 1))]
a, b = Input((3,)), Input((3,))
both = concatenate([a, b])
model = Model(input=[a, b], output=[Dense(1)(both), Dense(1)(both)])
model.compile('sgd', ['mse', 'mse'])
RESULT = model.fit_generator(batches(), steps_per_epoch=2, nb_epoch=1).history['loss']
""",
    "order of dimensions": """
from keras import backend as K
if K.image_dim_ordering() == 'tf':
    input_shape = (28, 27, 1)
else:
    input_shape = (1, 28, 27)
RESULT = input_shape == (28, 27, 1) and 'th' != K.image_dim_ordering()
""",
    "images by module": """
import numpy as np
from keras.preprocessing import image
from keras.utils.np_utils import to_categorical
x = image.random_rotation(np.zeros((4, 4, 3)), 30, row_axis=0, col_axis=1, channel_axis=2)
img = image.array_to_img(x)
RESULT = image.img_to_array(img).shape == (4, 4, 3) and to_categorical([1, 0]).shape == (2, 2)
""",
    "images by attribute": """
import keras
datagen = keras.preprocessing.image.ImageDataGenerator(rescale=1/255)
RESULT = next(datagen.flow_from_directory('pets', batch_size=2))[0].max() <= 1
""",
    "keras_preprocessing": """
from keras_preprocessing.image import ImageDataGenerator, img_to_array, load_img
import glob
RESULT = img_to_array(load_img(sorted(glob.glob('pets/*/*'))[0], target_size=(5, 6))).shape
""",
    "experimental layers": """
import tensorflow as tf
RESULT = tf.keras.layers.experimental.preprocessing.Rescaling(1./255)(tf.zeros((1, 2, 2, 3))).shape
""",
    "monitors": GENERATOR.replace("['acc']", "['accuracy']")
    + """
from keras.callbacks import ModelCheckpoint, EarlyStopping
stops = [EarlyStopping(monitor='val_acc', patience=1),
         ModelCheckpoint('best.h5', monitor='val_acc', save_best_only=True, period=1)]
model.fit_generator(train_generator, epochs=1, validation_data=train_generator, callbacks=stops,
                    verbose=0)
import os
RESULT = os.path.exists('best.h5')
""",
    "checkpoints of weights": GENERATOR
    + """
from keras.callbacks import ModelCheckpoint
checkpoint = ModelCheckpoint('w.h5', monitor='loss', save_weights_only=True, period=1)
model.fit_generator(train_generator, epochs=1, callbacks=[checkpoint], verbose=0)
model.load_weights('w.h5')
RESULT = True
""",
    "plotting a history": GENERATOR
    + """
hist = model.fit_generator(train_generator, epochs=1, verbose=0).history
from keras.utils.vis_utils import model_to_dot
RESULT = list(hist['accuracy'])
""",
    "a rate by epoch": """
import numpy as np
import tensorflow as tf
model = tf.keras.models.Sequential([tf.keras.layers.Dense(1, input_shape=[3])])
model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(lr=1e-8, momentum=0.9))
lr_schedule = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 1e-8 * 10**(epoch / 20))
history = model.fit(np.zeros((8, 3)), np.zeros(8), epochs=3, callbacks=[lr_schedule], verbose=0)
lrs = history.history["lr"]
RESULT = len(lrs) == 3
""",
    "metrics by position": """
import numpy as np
from keras.models import Sequential
from keras.layers import Dense
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
model = Sequential()
model.add(Dense(3, input_dim=4, init='uniform', activation='sigmoid'))
model.compile('rmsprop', 'categorical_crossentropy', ['accuracy'])
stops = [EarlyStopping('val_acc', patience=2),
         ReduceLROnPlateau('val_acc', factor=0.5, patience=1, epsilon=1e-4)]
x, y = np.random.rand(8, 4), np.eye(3)[np.arange(8) % 3]
hist = model.fit(x, y, epochs=2, validation_split=0.5, verbose=0, callbacks=stops)
RESULT = hist.history['val_acc'] and hist.history.get('acc') and hist.history['lr']
""",
    "metrics by name": """
import numpy as np
import keras
METRICS = ['acc']
model = keras.models.Sequential([keras.layers.core.Dense(1, input_shape=(4,))])
model.compile(loss='mse', optimizer=keras.optimizers.Adam(lr=1e-3), metrics=METRICS)
h = model.fit(np.zeros((4, 4)), keras.utils.np_utils.to_categorical([0] * 4, 1), verbose=0)
RESULT = h.history['accuracy']
""",
    "values of the backend": """
import numpy as np
import keras
from keras import backend as K
from keras.layers import Dense
class Rate(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        lr = K.get_value(self.model.optimizer.lr)
        K.set_value(self.model.optimizer.lr, lr * 0.5)
model = keras.models.Sequential([Dense(1, input_shape=(2,))])
model.compile(loss='mse', optimizer=keras.optimizers.SGD(lr=0.5))
model.fit(np.zeros((4, 2)), np.zeros(4), epochs=2, verbose=0, callbacks=[Rate()])
RESULT = K.get_value(model.optimizer.lr) == 0.125
""",
    "modules by import": """
import keras.layers.core as core
import keras.preprocessing.image as image
import keras.utils.np_utils as np_utils
import numpy as np
x = image.random_shift(np.zeros((6, 6, 3)), 0.2, 0.2, row_axis=0, col_axis=1, channel_axis=2)
gen = image.ImageDataGenerator(rescale=1./255)
RESULT = next(gen.flow(x[None])).shape == (1, 6, 6, 3) and len(np_utils.to_categorical([0, 1]))
""",
    "the engine": """
import keras
import keras.engine as KE
from keras.engine import Input, Model
from keras.engine.topology import Layer
from keras.engine.training import Model as Other
class Twice(KE.Layer):
    def call(self, inputs):
        return inputs * 2
a = Input((3,))
RESULT = Model(a, Twice()(a)).count_params() == 0 and keras.engine.Layer is Layer and Other
""",
    "TensorFlow's own Keras": """
from tensorflow.python.keras.preprocessing.image import ImageDataGenerator
from tensorflow.python.keras.layers import Dense
from tensorflow.python.keras import optimizers
from tensorflow.python.keras.models import Sequential
model = Sequential([Dense(1, input_shape=(2,))])
model.compile(optimizers.Adam(lr=0.5), 'mse')
RESULT = float(model.optimizer.lr) == 0.5 and ImageDataGenerator(rescale=1/255)
""",
    "everything of a module": """
from keras.preprocessing.image import *
from keras.layers import *
RESULT = ImageDataGenerator(rescale=1./255) and array_to_img(img_to_array([[[0]]])).size
""",
    "feature maps": GENERATOR
    + """
successive_outputs = [layer.output for layer in model.layers[1:]]
visualization_model = tf.keras.models.Model(inputs = model.input, outputs = successive_outputs)
maps = visualization_model.predict(next(train_generator)[0], verbose=0)
class Net:
    def __init__(self):
        self.model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(4,))])
        self.width = self.model.input.shape[1]
RESULT = maps[0].shape[1:] == (7, 7, 2) and Net().width == 4
""",
    "TensorFlow 1": """
import tensorflow as tf
tf.set_random_seed(1)
tf.logging.set_verbosity(tf.logging.ERROR)
config = tf.ConfigProto()
RESULT = tf.train.RMSPropOptimizer(0.001).name
""",
    "steps in variables": GENERATOR
    + """
import numpy as np
STEP_SIZE_TRAIN = train_generator.n/3
STEP_SIZE_VALID = np.ceil(train_generator.n/3)
history = model.fit_generator(generator=train_generator, steps_per_epoch=STEP_SIZE_TRAIN,
                              validation_data=train_generator, validation_steps=STEP_SIZE_VALID,
                              epochs=2, verbose=0)
predicted = model.predict_generator(train_generator, np.ceil(8/4), verbose=0)
RESULT = len(history.history['acc']) == 2 and len(predicted) == 8
""",
    "Keras 1 kernels": """
import numpy as np
from keras.models import Sequential
from keras.layers import Convolution2D, Flatten, Dense
from keras.preprocessing.image import ImageDataGenerator
model = Sequential()
model.add(Convolution2D(nb_filter=2, nb_row=3, nb_col=5, W_regularizer='l2',
                        input_shape=(16, 16, 3)))
model.add(Flatten())
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='rmsprop')
gen = ImageDataGenerator(rescale=1./255).flow_from_directory(
    'pets', target_size=(16, 16), batch_size=3, class_mode='binary')
loss = model.evaluate_generator(gen, val_samples=8)
RESULT = loss > 0 and model.layers[0].output_shape == (None, 14, 12, 2)
""",
    "names of today": """
import keras, numpy as np
import tensorflow as tf
import keras.optimizers as optimizers
from keras.callbacks.callbacks import EarlyStopping
from keras.constraints import maxnorm
from keras.engine.saving import load_model
from keras.initializations import normal
from keras.losses import mse
from keras.applications.mobilenet import MobileNet, relu6, DepthwiseConv2D
from keras.models import Input, Model
from keras.utils.data_utils import Sequence, get_file
from tensorflow import set_random_seed, constant, ConfigProto
from tensorflow.keras.losses import mean_squared_error
set_random_seed(1)
a = Input((3,))
dense = keras.layers.Dense(np.prod((2, 2)), kernel_constraint=maxnorm(3))
x = keras.layers.BatchNormalization(fused=True)(dense(a))
Model(a, x).compile(optimizers.rmsprop(lr=0.1, decay=1e-6), mse)
shapes = [l.output_shape for i, l in enumerate(Model(a, x).layers)] + [dense.get_output_at(0).shape]
RESULT = keras.optimizers.sgd(lr=1) and shapes[-1] == (None, 4) and float(tf.log(constant(1.))) == 0
""",
    "other names of the module": """
import numpy as np
from keras.preprocessing import image
x = image.smart_resize(np.zeros((6, 8, 3)), (4, 4))
RESULT = np.shape(x) == (4, 4, 3) and image.random_zoom(np.zeros((3, 4, 4)), (1, 1)).shape
""",
    "keras_preprocessing by name": """
import keras_preprocessing
from keras_preprocessing import image
RESULT = keras_preprocessing.image.ImageDataGenerator is image.ImageDataGenerator
""",
    "a layer of one's own": """
from keras import backend as K
import keras
import numpy as np
class Mine(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight('kernel', (3, 2), initializer='ones')
    def call(self, x):
        assert K.int_shape(x)[1] == 3
        return K.permute_dimensions(K.l2_normalize(K.dot(x, self.kernel), axis=1), (1, 0))
RESULT = K.eval(Mine()(np.ones((1, 3)))).shape == (2, 1) and keras.backend.mean(np.ones(2)) == 1
""",
    "gray pictures": """
from keras.preprocessing.image import load_img, img_to_array
import glob
files = sorted(glob.glob('pets/*/*'))
gray = img_to_array(load_img(files[0], grayscale=True, target_size=(5, 6)))
RESULT = gray.shape == (5, 6, 1) and load_img(files[0], grayscale=False).mode == 'RGB'
""",
    "keys of other metrics": """
import keras
import numpy as np
from keras.callbacks import ModelCheckpoint, TensorBoard
a = keras.layers.Input((3,))
outputs = [keras.layers.Dense(1, name='a')(a), keras.layers.Dense(1, name='b')(a)]
model = keras.models.Model(input=a, output=outputs)
model.compile('sgd', 'mse', metrics={'a': 'accuracy', 'b': 'mae'})
x, y = np.zeros((8, 3)), [np.zeros(8), np.zeros(8)]
stops = [ModelCheckpoint('best-{epoch:02d}-{val_a_acc:.2f}.hdf5', monitor='val_a_acc',
                         mode='max', period=1),
         TensorBoard(log_dir='logs', batch_size=32, write_grads=False, embeddings_layer_names=None)]
history = model.fit(x, y, validation_data=(x, y), callbacks=stops, verbose=0).history
RESULT = history['a_acc'] and history['val_b_mean_absolute_error']
""",
    "a sequence of two inputs": """
import keras
import numpy as np
class Batches(keras.utils.Sequence):
    def __len__(self):
        return 2
    def __getitem__(self, index):
        return [np.zeros((2, 3)), np.zeros((2, 3))], np.zeros(2)
a, b = keras.layers.Input((3,)), keras.layers.Input((3,))
model = keras.models.Model([a, b], keras.layers.Dense(1)(keras.layers.add([a, b])))
model.compile('sgd', 'mse')
RESULT = model.fit_generator(generator=Batches(), workers=6, verbose=0).history['loss']
""",
    "several outputs of a table": """
import pandas as pd
import tensorflow as tf
import glob
from tensorflow.keras.preprocessing.image import ImageDataGenerator
files = sorted(glob.glob('pets/*/*'))
table = pd.DataFrame({'file': files, 'a': range(8), 'b': range(8)})
train = ImageDataGenerator(rescale=1/255.).flow_from_dataframe(
    table, x_col='file', y_col=['a', 'b'], class_mode='multi_output', target_size=(8, 8))
a = tf.keras.layers.Input((8, 8, 3))
x = tf.keras.layers.Flatten()(a)
model = tf.keras.models.Model(a, [tf.keras.layers.Dense(1)(x), tf.keras.layers.Dense(1)(x)])
model.compile('sgd', 'mse')
RESULT = model.fit(train, verbose=0).history['loss']
""",
    "steps of TensorFlow's own class": """
import numpy as np
import tensorflow as tf
from tensorflow.keras.preprocessing.image import ImageDataGenerator, load_img
counted = []
class Count(tf.keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        counted[-1] += 1
    def on_epoch_begin(self, epoch, logs=None):
        counted.append(0)
model = tf.keras.models.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(1)])
model.compile('sgd', 'mse')
train = ImageDataGenerator().flow(np.zeros((6, 4, 4, 3)), np.zeros(6), batch_size=2)
model.fit(train, steps_per_epoch=2, epochs=3, callbacks=[Count()], verbose=0)
if counted != [2, 2, 2]:
    raise ValueError(counted)
RESULT = load_img
""",
}

MODERN = '''
"""A script of today: nothing is to change."""
import keras
import tensorflow as tf
from keras import layers
from keras.utils import image_dataset_from_directory, to_categorical
from tensorflow.keras.preprocessing.image import ImageDataGenerator, load_img

model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, (3, 3)), layers.Flatten(),
                          layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(learning_rate=1e-3), "mse", metrics=["accuracy"])
history = model.fit(to_categorical([1]), epochs=2, validation_steps=3,
                    callbacks=[keras.callbacks.ModelCheckpoint("x.keras", monitor="val_accuracy")])
print(history.history["val_accuracy"], model.output_shape, model.layers[0].output.shape)
model.save("x.h5"); model.save_weights("x.weights.h5"); model.load_weights("old.h5")
classes = (model.predict(x) > .5).astype("int32")
settings = dict(lr=1, decay=2, workers=3)
steps = 8 / 4
rates = {"lr": history.history["learning_rate"]}
functional = keras.Model(model.inputs, model.outputs); shape = functional.input.shape
K = keras.backend; K.clear_session(); tf.random.set_seed(0)
model.compile("sgd", "mse", [1.0]); model.fit(x, steps_per_epoch=int(steps))
logs = {"acc": 1}
graph = tf.Graph(); y = tf.nn.relu6(keras.activations.relu6(x))
message = ("%s?"
           % "!")
'''

OTHERS = '''
"""No Keras:
!compile?
%s
"""
import torch.optim as optim
from torch.optim import Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau
from sklearn.linear_model import LogisticRegression
optimizer = optim.SGD(net.parameters(), lr=0.1)
other = Adam(net.parameters(), lr=1e-3, decay=1)
history = {"lr": [optimizer.lr], "acc": []}; schedule = ReduceLROnPlateau(optimizer, epsilon=1)
print(history["lr"], logs.get("acc"), net.model.input, tf.Session, net.compile("a", "b", ["acc"]))
model = LogisticRegression().fit(x, y, workers=2)
print(model.predict_proba(x), net.layer.init, Dropout(p=0.5), Model(input=1))
'''
