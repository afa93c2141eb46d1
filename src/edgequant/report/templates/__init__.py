"""What the formats are set in."""
