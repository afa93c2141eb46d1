"""How each runtime rounds: each function names the kernel that it mirrors."""
