"""A reference computed as integers, as a runtime would. Not the kernels of one runtime."""
