"""How the range of a tensor is chosen from what was seen of it."""
