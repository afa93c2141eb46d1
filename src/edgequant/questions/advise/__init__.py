"""Is post-training enough, or does training pay."""
