"""`env`: what a bug report needs."""

from __future__ import annotations

import json as json_
import os
import platform
import shutil
from typing import Annotated, Any

import typer

from .. import __version__
from ..core.errors import EdgequantError
from ..core.extras import EXTRAS, installed, line
from ..host.features import FEATURES, cpu_features
from ..host.machine import machine
from ..store.surroundings import ARITHMETIC, RUNTIMES, SWITCHES, versions


def env(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Versions, processor, extras and devices: what a bug report needs. Nothing is loaded or sent."""
    found = told()
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return
    for title, entries in found.items():
        typer.echo(title)
        for name, text in entries.items():
            typer.echo(f"  {name:<20} {text}")


def told() -> dict[str, dict[str, Any]]:
    """Section -> name -> what is known of it."""
    features = cpu_features()
    here = machine()
    return {
        "edgequant": {"version": __version__, "python": platform.python_version(), "system": here["system"]},
        "processor": {
            "name": here["cpu"],
            "cores": here["cores"],
            **({name: FEATURES[name] for name in features} if features is not None else {"features": "not told here"}),
        },
        "packages": versions((*ARITHMETIC, *RUNTIMES)),
        "extras": {
            name: "installed" if installed(name) else f"not installed: {line(name)} ({what})"
            for name, (_, what) in EXTRAS.items()
        },
        "devices": _devices(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _devices() -> dict[str, str]:
    """This machine, the phones that an adb server knows, and whether ssh is there to reach others."""
    from ..devices.adb import Adb
    from ..devices.adb_wire import listed

    try:
        phones = {f"adb:{serial}": state for serial, state in listed(Adb().address()).items()}
    except EdgequantError:
        phones = {"adb:SERIAL": "no adb server answers; start it with: adb start-server"}
    return {
        "local": "this machine",
        **(phones or {"adb:SERIAL": "the adb server knows no device"}),
        "ssh:USER@HOST": "ssh is installed" if shutil.which("ssh") else "needs OpenSSH's client, which is not here",
    }
