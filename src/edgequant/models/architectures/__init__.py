"""Networks written here, and their kept weights."""
