"""The runtimes of .tflite: LiteRT, TensorFlow Lite Micro, Edge TPU."""
