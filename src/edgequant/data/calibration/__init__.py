"""Whether calibration images fit: checks and statistics. Not the draw itself (data/draw.py)."""
