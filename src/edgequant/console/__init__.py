"""What a run looks like on a terminal: bars while it works, tables when it is done."""
