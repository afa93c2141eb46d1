"""Shared options: a dataclass parameter is what its fields are, in its place."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from edgequant.cli import COMMANDS, app
from edgequant.commands.grouped import grouped
from edgequant.core.help import Help


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


@dataclass(frozen=True)
class Base:
    what: Annotated[str, Help("What is drawn.", metavar="WHAT")]
    size: Size = Size()
    grey_only: Annotated[bool, Help("No colour.")] = False


@dataclass(frozen=True)
class Asked(Base):
    pen_width: Annotated[int | str, Help("In pixels.")] = ""
    angle: Annotated[float | None, Help("In degrees.", metavar="A")] = None


def test_help_beside_a_field_makes_its_option_and_groups_hold_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own fields come before those that it inherits, and an argument before all options."""

    def show(asked: Asked, *, out: Annotated[str, Help("Where to.")] = "here") -> None:
        print(asked, out)

    show.__annotations__ |= {"asked": Asked, "out": Annotated[str, Help("Where to.")]}
    one = typer.Typer()
    one.command()(grouped(show))
    one(["box", "--height", "7", "--pen-width", "3", "--grey-only", "--angle", "0.5"], standalone_mode=False)
    assert capsys.readouterr().out == f"{Asked('box', Size(2, 7), True, '3', 0.5)} here\n"
    shown = typer.main.get_command(one).params
    assert [p.name for p in shown[:7]] == ["what", "pen_width", "angle", "width", "height", "grey_only", "out"]
    assert [(p.metavar, p.opts) for p in shown[:3]] == [("WHAT", ["what"]), (None, ["--pen-width"]), ("A", ["--angle"])]
    assert shown[1].help == "In pixels."  # type: ignore[attr-defined]
