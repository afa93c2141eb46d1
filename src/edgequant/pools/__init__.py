"""Where work that does not depend on other work is done, several at a time."""
