"""What a reader is told: words, lookups, the document. It computes nothing."""
