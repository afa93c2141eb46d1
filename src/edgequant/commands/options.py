"""Options that more than one command takes; those of questions are the fields of what they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..core.help import Help

Fresh = Annotated[bool, Help("Start over: nothing cached, kept weights trained again.")]
Mlflow = Annotated[str, Help("Send the finished run to this MLflow server (an extra).", metavar="URI")]
Data = Annotated[  # an option that has to be given
    str,
    typer.Option("--data", help="A folder of images, or a data set: cifar10, arrays:FILE.npz … (edgequant list data)."),
]
Device = Annotated[str, Help("Where it runs: local, ssh:USER@HOST[:PORT], adb:SERIAL (`list devices`).")]
Json = Annotated[bool, Help("The whole record as JSON.")]


@dataclass(frozen=True)
class Where:
    """Of a study: the folder its run goes to, and what is changed in it."""

    out: Annotated[Path | None, Help("The run folder. Default: runs/NAME.")] = None
    set_: Annotated[
        list[str] | None,
        Help("Override the study, as calibration.n=200 or network.train.epochs=5.", metavar="KEY=VALUE"),
    ] = None

    @property
    def overrides(self) -> list[str]:
        return self.set_ or []
