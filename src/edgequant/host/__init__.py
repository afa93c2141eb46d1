"""This process and this machine: threads, children, signals, clocks, what a process shares. Nothing of networks."""
