"""A network as a program of steps over named tensors, and what changes one. Not how it is read off PyTorch."""
