"""What the pages of the site read from the code when it is built: the command line's help, and the catalog."""

from __future__ import annotations

import re
from typing import Any

MARKER = re.compile(r"<!-- (command line|component: (\w+)) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replaces each marker of a page. mkdocs calls this."""
    return MARKER.sub(lambda found: components(found[2]) if found[2] else command_line(), markdown)


def command_line() -> str:
    """Every command with its arguments and options, as markdown."""
    import typer

    from edgequant.cli import app

    group: Any = typer.main.get_command(app)
    return "\n\n".join(_command(name, command) for name, command in group.commands.items())


def _command(name: str, command: Any) -> str:
    lines = [f"## edgequant {name}", command.help or "", "", "| | default | |", "|---|---|---|"]
    parameters = [p for p in command.params if p.name != "help"]
    return "\n".join([*lines, *map(_parameter, parameters)] if parameters else lines[:2])


def _parameter(parameter: Any) -> str:
    option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if option else parameter.metavar or str(parameter.name).upper()
    default = "" if parameter.default in (None, "", (), False) or parameter.required else f"`{parameter.default}`"
    text = str(parameter.help or "").replace("|", r"\|")
    return f"| `{name.replace('|', ' or ')}` | {default} | {text} |"


def components(kind: str) -> str:
    """The docstring of every component of a kind, for mkdocstrings."""
    from edgequant.catalog import KINDS

    table = KINDS[kind]
    return "\n\n".join(_component(name, table.summary(name), table.path(name)) for name in table)


def _component(name: str, summary: str, path: str) -> str:
    options = {"show_root_heading": False, "show_root_toc_entry": False, "members": False, "show_bases": False}
    lines = [f"### {name}", "", f"{summary}.", "", f"::: {path.replace(':', '.')}", "    options:"]
    return "\n".join([*lines, *(f"      {key}: {str(value).lower()}" for key, value in options.items())])


