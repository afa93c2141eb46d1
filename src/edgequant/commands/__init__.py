"""The commands: each reads words, calls one function, and prints what came back. `cli` has their table.

Nothing heavy is imported before a command runs: `--help` and `list` must answer at once.
"""
