"""What Keras 3 has renamed or removed, as tables."""

# The modules of Keras 1 and 2 whose names live elsewhere now.
MODULES = {
    **dict.fromkeys(
        (
            "layers.core",
            "layers.convolutional",
            "layers.pooling",
            "layers.normalization",
            "layers.recurrent",
            "layers.embeddings",
            "layers.merge",
            "layers.noise",
            "layers.local",
            "layers.wrappers",
            "layers.advanced_activations",
            "layers.experimental.preprocessing",
        ),
        "layers",
    ),
    # Keras itself has `Input`, `InputSpec`, `Layer`, `Model` and `Sequential`.
    **dict.fromkeys(("engine", "engine.topology", "engine.training", "engine.base_layer"), ""),
    "utils.np_utils": "utils",
    "utils.vis_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.training_utils": "utils",
    "objectives": "losses",
}

# What `keras.preprocessing.image` had and `viewfinder.compat` has.
IMAGE_NAMES = (
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "flip_axis",
    "list_pictures",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
)
# These Keras 3 still has; they move along where a neighbour in the same import moves.
KEPT_IMAGE_NAMES = ("array_to_img", "img_to_array", "load_img", "save_img")

OPTIMIZERS = ("SGD", "RMSprop", "Adam", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl")
LOWERCASE_OPTIMIZERS = {name.lower(): name for name in OPTIMIZERS}
TRAIN_OPTIMIZERS = {
    "GradientDescentOptimizer": "SGD",
    "MomentumOptimizer": "SGD",
    "AdamOptimizer": "Adam",
    "RMSPropOptimizer": "RMSprop",
    "AdagradOptimizer": "Adagrad",
    "AdadeltaOptimizer": "Adadelta",
    "FtrlOptimizer": "Ftrl",
}

# Methods that are one with another now, and the parameters of the old one in order.
GENERATOR_METHODS = {
    "fit_generator": (
        "fit",
        (
            "generator",
            "steps_per_epoch",
            "epochs",
            "verbose",
            "callbacks",
            "validation_data",
            "validation_steps",
        ),
    ),
    "evaluate_generator": ("evaluate", ("generator", "steps", "callbacks")),
    "predict_generator": ("predict", ("generator", "steps", "callbacks")),
}
STEPS = ("steps_per_epoch", "validation_steps", "steps")
NO_LONGER_TAKEN = (
    "workers",
    "use_multiprocessing",
    "max_queue_size",
    "max_q_size",
    "nb_worker",
    "pickle_safe",
)

# Keras 1's arguments of `fit` and the like.
FIT_ARGUMENTS = {"nb_epoch": "epochs"}
SAMPLES = {
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "val_samples": "steps",
}

# Keras 1's arguments of layers.
LAYER_ARGUMENTS = {
    "border_mode": "padding",
    "subsample": "strides",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
}
ONLY_OF = {"p": ("Dropout", "SpatialDropout2D", "GaussianDropout"), "output_dim": ("Dense",)}
LAYER_VALUES = {"tf": "channels_last", "th": "channels_first"}
LAYERS = (
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "SeparableConv2D",
    "Dense",
    "Dropout",
    "SpatialDropout2D",
    "GaussianDropout",
    "MaxPooling2D",
    "AveragePooling2D",
    "MaxPool2D",
    "GlobalAveragePooling2D",
    "Flatten",
    "BatchNormalization",
    "ZeroPadding2D",
    "UpSampling2D",
)
REMOVED_LAYER_ARGUMENTS = {"BatchNormalization": ("mode",)}
MODEL_ARGUMENTS = {"input": "inputs", "output": "outputs"}

# The key of the rate that callbacks write into a history.
RATES = {"lr": "learning_rate"}
WRITE_RATES = ("LearningRateScheduler", "ReduceLROnPlateau")

# What was in `tf` itself.
TENSORFLOW_1 = {
    "set_random_seed": "random.set_seed",
    "logging": "compat.v1.logging",
    "enable_eager_execution": "compat.v1.enable_eager_execution",
    "ConfigProto": "compat.v1.ConfigProto",
    "GPUOptions": "compat.v1.GPUOptions",
    "Session": "compat.v1.Session",
}

OF_FILES = "Keras 3 writes weights to names in .weights.h5, and checkpoints to .keras or .h5."

# Functions of `keras.backend` that are in `keras.ops`; the second table's need their axis.
_SAME = """abs all any binary_crossentropy cast categorical_crossentropy clip cos dot equal exp
greater greater_equal less less_equal log max maximum mean min minimum not_equal ones_like prod
reshape round shape sigmoid sign sin softmax softplus sqrt square squeeze std sum tanh var
zeros_like"""
OPS = {**{name: name for name in _SAME.split()}, "pow": "power", "flatten": "ravel"}
OPS_WITH_AXIS = ("argmax", "argmin", "concatenate", "expand_dims")

BACKEND = {
    "image_dim_ordering": "image_data_format",
    "set_image_dim_ordering": "set_image_data_format",
}

# What a person has to replace, and what to look at.
BY_HAND = {
    "keras.wrappers.scikit_learn": "Keras 3 has no such wrapper: use the package scikeras.",
    "keras.preprocessing.text": "Keras 3 has no Tokenizer: use keras.layers.TextVectorization.",
    "keras.backend.tensorflow_backend": "TensorFlow 2 has no sessions: leave them out.",
    "tensorflow.contrib": "TensorFlow 2 has no contrib.",
}
NAMES_BY_HAND = {
    "multi_gpu_model": "Keras 3 has no multi_gpu_model: see tf.distribute.MirroredStrategy.",
    "merge": "Keras 3 has no merge: use keras.layers.concatenate, add and the like.",
}
