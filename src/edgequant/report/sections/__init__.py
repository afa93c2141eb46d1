"""The parts of a study report, one file each."""
