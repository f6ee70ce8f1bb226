"""A model made ready to be fitted: its optimizer, its schedule, its loss."""

import keras

from viewfinder.recipe import Recipe


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Give the model its loss, its metric and the recipe's optimizer.

    Args:
        model: It ends in one sigmoid or in a softmax.
        recipe: Names optimizer, learning rate and schedule.
        steps: Steps in the whole training, for the schedule.
    """
    training = recipe.training
    rate = training.learning_rate
    if training.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=max(steps, 1), alpha=0.01)
    optimizer = keras.optimizers.get({"class_name": training.optimizer, "config": {}})
    optimizer = type(optimizer)(learning_rate=rate)
    is_binary = model.output_shape[-1] == 1
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy" if is_binary else "sparse_categorical_crossentropy",
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy")
            if is_binary
            else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        ],
    )
