"""The .onnx format. Not the runtimes that run it."""
