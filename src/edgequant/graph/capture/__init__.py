"""A module becomes a program, and is held against its source. Not the reading of single nodes."""
