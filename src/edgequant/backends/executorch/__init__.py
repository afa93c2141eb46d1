""".pte for ExecuTorch, and its sessions."""
