"""Shared options: a dataclass parameter is what its fields are, in its place."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from edgequant.cli import COMMANDS, app
from edgequant.commands.grouped import grouped


@dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option("--width")] = 2
    height: int = 3


def draw(name: str, *, deep: bool = False, size: Size, colour: str = "red") -> None:
    """Draws."""
    print(name, deep, size.width * size.height, colour)


def test_fields_stand_where_the_group_stood() -> None:
    parameters = inspect.signature(grouped(draw)).parameters
    assert list(parameters) == ["name", "deep", "width", "height", "colour"]
    assert [p.default for p in parameters.values()] == [inspect.Parameter.empty, False, 2, 3, "red"]
    assert grouped(draw).__doc__ == "Draws." and grouped(draw).__name__ == "draw"


def test_the_command_gets_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    grouped(draw)(name="box", deep=True, width=5, height=4, colour="blue")
    assert capsys.readouterr().out == "box True 20 blue\n"


def test_typer_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    one = typer.Typer()
    one.command()(grouped(draw))
    one(["box", "--height", "7", "--colour", "green"], standalone_mode=False)
    assert capsys.readouterr().out == "box False 14 green\n"


def test_no_group_reaches_typer_and_every_default_is_the_functions_own() -> None:
    shown = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert list(shown) == list(COMMANDS)
    for name, command in COMMANDS.items():
        options = {parameter.name for parameter in shown[name].params} - {"help"}
        assert options == set(inspect.signature(grouped(command)).parameters)
