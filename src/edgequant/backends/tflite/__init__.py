"""The .tflite format: its records, checked. Not the runtimes that run it."""
