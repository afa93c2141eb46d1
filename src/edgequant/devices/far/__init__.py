"""What is copied to a device and runs there; it needs Python and the runtime, nothing else."""
