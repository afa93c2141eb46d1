"""ONNX graphs to judge the reader by: random ones against ONNX Runtime, and ONNX's own backend tests."""
