"""What can be wrong, one file each."""
