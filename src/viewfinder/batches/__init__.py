"""Index-addressed NumPy batches, of pictures and of stored features."""
