"""Questions about a network or a run: sweep, compare, and the rooms below. They stand on studies."""
