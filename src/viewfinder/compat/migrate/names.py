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
    **dict.fromkeys(
        (
            "engine",
            "engine.topology",
            "engine.training",
            "engine.base_layer",
            "engine.input_layer",
            "engine.network",
            "engine.sequential",
        ),
        "",
    ),
    "engine.saving": "models",
    **dict.fromkeys(
        (
            "utils.np_utils",
            "utils.vis_utils",
            "utils.generic_utils",
            "utils.training_utils",
            "utils.data_utils",
            "utils.io_utils",
            "utils.layer_utils",
        ),
        "utils",
    ),
    "callbacks.callbacks": "callbacks",
    "initializations": "initializers",
    "objectives": "losses",
    "optimizers.legacy": "optimizers",
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

_LOSSES = {
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
# What a module of Keras calls otherwise now. `tensorflow.keras` has the losses' short names only.
RENAMED = {
    "constraints": {"maxnorm": "MaxNorm", "nonneg": "NonNeg", "unitnorm": "UnitNorm"},
    "initializers": {"normal": "RandomNormal", "uniform": "RandomUniform"},
    "optimizers": LOWERCASE_OPTIMIZERS,
}
RENAMED_LOSSES = {
    "keras": {**_LOSSES, **{old.upper(): new for old, new in _LOSSES.items()}},
    "tensorflow.keras": {new: old for old, new in _LOSSES.items()},
}
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
REMOVED_LAYER_ARGUMENTS = {"BatchNormalization": ("mode", "fused")}
WEIGHT_ARGUMENTS = (
    "name",
    "shape",
    "dtype",
    "initializer",
    "regularizer",
    "trainable",
    "constraint",
)
MODEL_ARGUMENTS = {"input": "inputs", "output": "outputs"}

REMOVED_OF_TENSORBOARD = ("batch_size", "embeddings_data", "embeddings_layer_names", "write_grads")

# The key of the rate that callbacks write into a history.
RATES = {"lr": "learning_rate"}
WRITE_RATES = ("LearningRateScheduler", "ReduceLROnPlateau")

# What was in `tf` itself. What TensorFlow 2 has in `compat.v1` only has its name there.
_V1 = """ConfigProto GPUOptions InteractiveSession Session app enable_eager_execution flags
get_default_graph gfile global_variables_initializer image.resize_images log logging random_normal
random_uniform read_file reset_default_graph to_float to_int32 truncated_normal"""
TENSORFLOW_1 = {
    "set_random_seed": "random.set_seed",
    "random.set_random_seed": "random.set_seed",
    **{name: f"compat.v1.{name}" for name in _V1.split()},
}

# Names that another module of Keras has now.
MOVED_NAMES = {
    ("models", "Input"): "layers",
    ("applications.mobilenet", "DepthwiseConv2D"): "layers",
    ("applications.mobilenet", "relu6"): "activations",
}

OF_FILES = "Keras 3 writes weights to names in .weights.h5, and checkpoints to .keras or .h5."

# Functions of `keras.backend` that are in `keras.ops`; the second table's need their axis.
_SAME = """abs all any binary_crossentropy cast categorical_crossentropy clip cos dot equal exp
greater greater_equal less less_equal log max maximum mean min minimum not_equal ones_like prod
reshape round shape sigmoid sign sin softmax softplus sqrt square squeeze std sum tanh var
zeros_like"""
OPS = {
    **{name: name for name in _SAME.split()},
    "eval": "convert_to_numpy",
    "flatten": "ravel",
    "permute_dimensions": "transpose",
    "pow": "power",
    "repeat_elements": "repeat",
}
OPS_WITH_AXIS = {
    **{name: name for name in ("argmax", "argmin", "concatenate", "expand_dims")},
    "l2_normalize": "normalize",
}
# What `keras.backend` still has.
_KEPT = """backend clear_session epsilon floatx get_uid image_data_format is_float_dtype
is_int_dtype is_keras_tensor result_type set_epsilon set_floatx set_image_data_format
standardize_dtype"""
KEPT_BACKEND = _KEPT.split()
# What `tensorflow.keras.backend` has no longer, and what to do, there and in `keras.backend`.
_NO_SESSIONS = "TensorFlow 2 has no sessions: leave it out."
_NO_PHASE = "give training=True or False to the call of the model."
BACKEND_BY_HAND = {
    "function": "a keras.Model from the inputs to the outputs does the same.",
    "get_session": _NO_SESSIONS,
    "gradients": "use tf.GradientTape.",
    "in_test_phase": _NO_PHASE,
    "in_train_phase": _NO_PHASE,
    "learning_phase": _NO_PHASE,
    "placeholder": "use keras.Input.",
    "set_learning_phase": _NO_PHASE,
    "set_session": _NO_SESSIONS,
    "tensorflow_backend": _NO_SESSIONS,
}

BACKEND = {
    "image_dim_ordering": "image_data_format",
    "set_image_dim_ordering": "set_image_data_format",
}

# What a person has to replace, and what to look at: modules, names of Keras, and attributes.
BY_HAND = {
    "keras.wrappers.scikit_learn": "Keras 3 has no such wrapper: use the package scikeras.",
    "keras.preprocessing.text": "Keras 3 has no Tokenizer: use keras.layers.TextVectorization.",
    "keras.backend.tensorflow_backend": "TensorFlow 2 has no sessions: leave them out.",
    "tensorflow.contrib": "TensorFlow 2 has no contrib.",
    "tensorflow.examples": "TensorFlow 2 has no examples: use keras.datasets.",
}
NAMES_BY_HAND = {
    "AtrousConvolution2D": "use Conv2D with dilation_rate.",
    "BaseLogger": "leave it out.",
    "CuDNNGRU": "use GRU, which takes cuDNN by itself.",
    "CuDNNLSTM": "use LSTM, which takes cuDNN by itself.",
    "Deconvolution2D": "use Conv2DTranspose, which infers its output_shape.",
    "Graph": "use Model(inputs, outputs).",
    "HDF5Matrix": "use h5py, or a keras.utils.PyDataset.",
    "Highway": "write it as a layer of your own.",
    "LocallyConnected2D": "write it as a layer of your own.",
    "MaxoutDense": "write it as a layer of your own.",
    "Merge": "use keras.layers.concatenate, add and the like.",
    "Network": "use keras.Model.",
    "TFOptimizer": "use an optimizer of keras.optimizers.",
    "ThresholdedReLU": "write it as a layer of your own.",
    "_obtain_input_shape": "leave it out.",
    "convert_all_kernels_in_model": "leave it out.",
    "cosine_proximity": "use cosine_similarity.",
    "merge": "use keras.layers.concatenate, add and the like.",
    "model_from_yaml": "use to_json and model_from_json.",
    "multi_gpu_model": "see tf.distribute.MirroredStrategy.",
    "print_summary": "use model.summary().",
}
ATTRIBUTES_BY_HAND = {
    "_make_predict_function": "Keras 3 has no _make_predict_function: leave it out.",
    "metrics_names": "metrics_names is ['loss', 'compile_metrics'] in Keras 3: take the names from "
    "evaluate(…, return_dict=True).",
    "to_yaml": "Keras 3 has no to_yaml: use to_json and model_from_json.",
}
TENSORFLOW_BY_HAND = {
    "contrib": "TensorFlow 2 has no contrib.",
    "placeholder": "TensorFlow 2 has no placeholder: use keras.Input, or give the values directly.",
}
