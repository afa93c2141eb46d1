"""Where the figures come from, and how to get them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ...store.run import Run
from .. import format as fmt
from .. import lookup as look
from .. import markup as md
from ..section import AbstractSection

MEMORY, PYTHON = "in memory", "edgequant (Python)"  # as the record says it
QUESTIONS = ("sensitivity", "search")  # what they asked is not in the study
FIRST = ("time", "command", "git", "seed", "cpu", "threads")  # the rest follows as it stands


@final
@dataclass(frozen=True)
class Environment(AbstractSection):
    title: ClassVar[str] = "Environment"

    def text(self, run: Run) -> str:
        """What was typed, and what to type: the study as it was resolved lies in the folder."""
        environment = look.mapping(run.results.get("environment"))
        command = _command(environment.get("command") or "")
        made = f"Made by {md.code(command)}." if command else ""
        again, words = _again(run, command, str(environment.get("folder") or ""))
        threads = environment.get("torch_threads")
        told = ""
        if isinstance(threads, int):
            count = f"{threads} thread{'s' * (threads != 1)} (`OMP_NUM_THREADS={threads}`)"
            told = (
                f" Trained weights are the same to the last bit on a like processor, with these versions and {count}."
            )
        return " ".join(filter(None, (made, again))) + told + (f"\n\n{md.fence(words, 'sh')}" if words else "")

    def rows(self, run: Run) -> list[tuple[str, ...]]:
        environment = look.mapping(run.results.get("environment"))
        order = [key for key in FIRST if key in environment] + [key for key in environment if key not in FIRST]
        cells = [pair for key in order if key != "command" for pair in _flat(str(key), environment[key])]
        return [("What", "Value"), *cells] if cells else []


def _again(run: Run, command: str, folder: str) -> tuple[str, str]:
    """What to do to repeat the run, in words, and what to type. Paths in a study are read from where it was started."""
    study = look.mapping(run.results.get("study"))
    networks = study.get("network")
    held = [str(look.mapping(one).get("data")) for one in networks] if isinstance(networks, list | tuple) else []
    place = f"{folder}/repeated" if folder else "repeated"
    resolved = shlex.join(["edgequant", "run", f"{folder}/study.toml" if folder else "study.toml", "--out", place])
    if MEMORY in held:
        return "Its network or its images were in the memory of a Python program: run that again to repeat it.", ""
    asked = not run.results.get("variants") and any(key in run.results for key in QUESTIONS)
    if asked and command.startswith("edgequant "):
        return "To repeat it, in the folder in which it was typed:", f"{command} --out {shlex.quote(place)}"
    where = "in the folder in which it was started" if folder else "in this folder"
    if command == PYTHON:
        where += " (a network that was in the memory of the program is not in it: run the program again)"
    return f"To repeat it with the study as it was resolved, {where}:", resolved


def _command(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested tables as `versions.torch`, without the word versions."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(str(key) if name == "versions" else f"{name}.{key}", item)
    else:
        yield name, fmt.plain(value)
