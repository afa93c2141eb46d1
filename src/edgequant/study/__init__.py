"""What a study asks for and what its results say. Not how networks are prepared, made or answered."""
