"""What is kept on disk: whole files, locks, the run folder and its steps, content as a hash. Not what they mean."""
