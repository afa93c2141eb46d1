"""From a file to a variant's record: answers, parity, comparison."""
