"""Every error edgequant raises on purpose.

    EdgequantError        anything the command line prints as one line, exit status 2
      UnknownName         a name that no registry entry has
      BadOption           a component or a study was given an option, or a value, it does not take
      BadData             a data set that is missing, empty, truncated, mislabelled or too small
      BadModel            a model, or weights, that cannot be loaded, captured or trusted
      Diverged            a training whose loss stopped being a number
      BadFile             a .tflite/.onnx/results file that cannot be read
      Unsupported         the recipe asks for what the target cannot run
      RunFolderError      the output folder cannot be written, or another run holds it
      MissingExtra        an optional package is not installed
      WorkerDied          a process that did a part of the work ended before it was done, and again when it was retried
      DeviceError         a device that cannot be reached, or that could not do its work

Each message is one line: what happened, what was expected, what to type instead.
"""

from __future__ import annotations

# torch and the runtimes report it as errors of their own, by message: c10's DefaultCPUAllocator, std::bad_alloc
NO_MEMORY = ("not enough memory", "bad_alloc", "failed to allocate", "out of memory", "cannot allocate memory")


class EdgequantError(Exception):
    """Base class. The command line prints it without a traceback and exits with 2."""


class UnknownName(EdgequantError):
    pass


class BadOption(EdgequantError):
    pass


class BadData(EdgequantError):
    pass


class BadModel(EdgequantError):
    pass


class Diverged(EdgequantError):
    pass


class BadFile(EdgequantError):
    pass


class Unsupported(EdgequantError):
    pass


class RunFolderError(EdgequantError):
    pass


class MissingExtra(EdgequantError):
    pass


class WorkerDied(EdgequantError):
    pass


class DeviceError(EdgequantError):
    pass


def cause(error: Exception) -> str:
    """What went wrong, without the number and the path that an OSError's own text repeats."""
    return str(getattr(error, "strerror", None) or error)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that this machine has no memory left: Python's MemoryError, or what a library says."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in NO_MEMORY)
