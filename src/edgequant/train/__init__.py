"""A training: settings, augmentation, the loop, checkpoints. Nothing of quantization."""
