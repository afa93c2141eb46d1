"""Whether an error says that this machine has no memory left."""

from __future__ import annotations

# torch and the runtimes report it as errors of their own, by message: c10's DefaultCPUAllocator, std::bad_alloc
SIGNS = ("not enough memory", "bad_alloc", "failed to allocate", "out of memory", "cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Python's MemoryError, or what a library says in its place."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in SIGNS)
