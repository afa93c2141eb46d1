"""Strongly typed .onnx for TensorRT: written and checked, not run."""
