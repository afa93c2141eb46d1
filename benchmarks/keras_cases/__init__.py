"""Random Keras models, and what Keras says of them."""
