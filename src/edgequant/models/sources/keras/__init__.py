"""Keras 3 models, layer by layer as PyTorch modules, held against Keras."""
