"""A study from start to end: checks, workers, the order of stages."""
