"""What can be wrong with the calibration images, one file each."""
