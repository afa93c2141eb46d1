"""Float .onnx files, node by node as PyTorch modules, held against ONNX Runtime."""
