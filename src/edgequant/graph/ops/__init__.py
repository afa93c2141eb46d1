"""The operations that a program is made of: one row each. Not the code that runs them as integers or writes them."""
