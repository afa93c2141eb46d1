"""How to use the recommended file: a few lines of Python, and of C."""

from __future__ import annotations

from ...store.run import Run
from .. import lookup as look
from .. import markup as md
from .c import c_text
from .python import python_lines
from .usage import Usage, usage


def snippet(run: Run, variant: look.Variant) -> str:
    """Markdown; empty where there is no file, or one of a kind that this does not know.

    Where nobody recorded the network's mean and deviation, it shows edgequant's default and says so.
    """
    use = usage(run, variant)
    if use is None:
        return ""
    command = md.code(f"edgequant predict {use.name} photo.jpg")
    parts = [
        f"**How to use it.** The same as {command}.{_remarks(use)}",
        md.fence("\n".join(python_lines(use)), "python"),
    ]
    text = c_text(use)
    return "\n\n".join([*parts, *(["In C:", md.fence(text, "c")] if text else [])])


def _remarks(use: Usage) -> str:
    said = "" if use.recorded else " The mean and the deviation were not recorded: put in those of your network."
    if use.resize and use.size:
        said += f" As measured: the shorter side {use.resize}, and of that the centre."
    elif use.resize:
        said += f" That command also crops as the network was measured (shorter side {use.resize}, centre);"
        said += " these lines resize straight."
    if use.fit == "crop" and not use.resize:
        said += " As measured: the largest box of the image's middle."
    if use.fit == "letterbox":
        said += " As measured: the whole image, between bars of grey 114."
    if not use.antialias:
        said += " That command samples without antialiasing, as the network was measured; these lines antialias."
    return said
