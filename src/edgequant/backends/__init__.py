"""What a target is. Formats (tflite, onnx) are rooms, and runtimes are rooms."""
