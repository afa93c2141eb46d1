"""From a prepared network and a recipe to a file."""
