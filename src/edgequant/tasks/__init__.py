"""What networks are for: how outputs become predictions, and predictions a figure. Not how outputs are got."""
