"""Machines that run files: this one, and those at the other end of a connection. Not what runs there."""
