"""A .tflite becomes a program and a reference."""
