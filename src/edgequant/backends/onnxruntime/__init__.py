"""Q/DQ .onnx for ONNX Runtime, and its sessions."""
