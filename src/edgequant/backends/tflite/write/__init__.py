"""A reference becomes a .tflite."""
