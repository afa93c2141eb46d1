"""Where the figures come from, and how to get them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ...core.interfaces import AbstractSection
from ...core.records import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md

FIRST = ("time", "command", "git", "seed", "cpu", "threads")  # the rest follows as it stands


@final
@dataclass(frozen=True)
class Environment(AbstractSection):
    title: ClassVar[str] = "Environment"

    def text(self, run: Run) -> str:
        """The study as it was resolved lies in the folder, so the second command needs nothing else."""
        environment = look.mapping(run.results.get("environment"))
        command = environment.get("command")
        made = f"Made by {md.code(_command(command))}. " if command else ""
        head = made + "To repeat it with the study as it was resolved, in this folder:"
        return f"{head}\n\n" + md.fence("edgequant run study.toml --out repeated", "sh")

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        environment = look.mapping(run.results.get("environment"))
        order = [key for key in FIRST if key in environment] + [key for key in environment if key not in FIRST]
        cells = [pair for key in order if key != "command" for pair in _flat(str(key), environment[key])]
        return [("What", "Value"), *cells] if cells else []


def _command(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested tables as `versions.torch`, without the word versions."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(str(key) if name == "versions" else f"{name}.{key}", item)
    else:
        yield name, fmt.plain(value)
