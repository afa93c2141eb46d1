"""Code that runs the file in an app."""
