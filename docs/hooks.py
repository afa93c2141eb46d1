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
    return "\n\n".join(_component(name, table) for name in table)


def _component(name: str, table: Any) -> str:
    hidden = ("show_root_heading", "show_root_toc_entry", "members", "show_bases")
    lines = [f"### {name}", "", f"{table.summary(name)}.", "", f"::: {table.path(name).replace(':', '.')}"]
    lines += ["    options:", *(f"      {key}: false" for key in hidden)]
    options = [
        f"| `{option}` | {f'`{default}`' if default else ''} |" for option, default in table.options(name).items()
    ]
    return "\n".join([*lines, "", "| option | default |", "|---|---|", *options] if options else lines)
