"""What a network is to this package, and its weights."""
