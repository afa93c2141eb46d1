"""Data sets with one class an image."""
