"""The machine a figure was measured on, and the state it was in: clock, temperature, load. Linux; else what there is.

Standard library only: it is copied to devices as it is.
"""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

CPUS = Path("/sys/devices/system/cpu")
THERMAL = Path("/sys/class/thermal")
CPUINFO = Path("/proc/cpuinfo")
STAT = Path("/proc/stat")
NAMES = ("model name", "Model", "Hardware")  # x86; a Raspberry Pi; an Android phone


def machine() -> dict[str, Any]:
    """What does not change while a benchmark runs."""
    return {
        "cpu": cpu_name(),
        "architecture": platform.machine(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def conditions() -> dict[str, Any]:
    """What does: {"mhz": {cpu: now}, "max_mhz", "governor", "celsius": {zone: now}, "load": over one minute, "cores",
    "clock": s, "busy_s": of those cores by everything so far, "own_s": by this process and its children}.

    `others` compares two of them: a load average says nothing of who made it, and this process may have. What the
    system does not tell is empty or None: a virtual machine has no governor and no sensors.
    """
    return {
        "mhz": _frequencies(),
        "max_mhz": _megahertz(CPUS / "cpu0/cpufreq/cpuinfo_max_freq"),
        "governor": _line(CPUS / "cpu0/cpufreq/scaling_governor"),
        "celsius": _temperatures(),
        "load": _load(),
        "cores": cores(),
        "clock": time.monotonic(),
        "busy_s": _busy(),
        "own_s": sum(os.times()[:4]),
    }


def others(before: Any, after: Any) -> float | None:
    """The share of the cores that other processes had between two `conditions`, 0 to 1; None where it is not told."""
    keys = ("clock", "busy_s", "own_s")
    if not all(
        isinstance(side, dict) and isinstance(side.get(k), int | float) for side in (before, after) for k in keys
    ):
        return None
    elapsed, busy, own = (after[key] - before[key] for key in keys)
    whole = elapsed * (after.get("cores") or 0)
    return min(1.0, max(0.0, (busy - own) / whole)) if whole > 0 else None


def cpu_name() -> str:
    """As the kernel names it; the architecture where it does not."""
    fields = dict(_fields())
    return next((fields[name] for name in NAMES if fields.get(name)), platform.processor() or platform.machine())


def cpu_flags() -> set[str]:
    """The instructions that the kernel says the processor has; empty where it does not say."""
    return {flag for key, value in _fields() if key in ("flags", "Features") for flag in value.split()}


def cores() -> int:
    """How many of them this process may run on."""
    return len(_own())


def _frequencies() -> dict[str, float]:
    """Of each core in MHz, from the driver or, where there is none, from /proc/cpuinfo."""
    found = {p.parent.parent.name: _megahertz(p) for p in sorted(CPUS.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))}
    known = {name: value for name, value in found.items() if value is not None}
    told = [float(value) for key, value in _fields() if key == "cpu MHz"]
    return known or {f"cpu{number}": value for number, value in enumerate(told)}


def _temperatures() -> dict[str, float]:
    found = {}
    for zone in sorted(THERMAL.glob("thermal_zone*")):
        text = _line(zone / "temp")
        if text is not None and text.lstrip("-").isdigit():
            found[f"{zone.name} {_line(zone / 'type') or ''}".strip()] = int(text) / 1000
    return found


def _own() -> set[int]:
    """Those that this process may run on."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _busy() -> float | None:
    """Seconds that these cores have worked, for whomever (proc_stat(5): all but idle, iowait and guests)."""
    try:
        lines = [line.split() for line in STAT.read_text().splitlines()]
        wanted = {f"cpu{number}" for number in _own()}
        ticks = [sum(map(int, (*line[1:4], *line[6:9]))) for line in lines if line and line[0] in wanted]
        return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None
    except (OSError, ValueError, AttributeError):
        return None


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def _fields() -> list[tuple[str, str]]:
    """(key, value) of every line of /proc/cpuinfo."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [(key.strip(), value.strip()) for key, colon, value in (line.partition(":") for line in lines) if colon]


def _megahertz(path: Path) -> float | None:
    text = _line(path)
    return int(text) / 1000 if text is not None and text.isdigit() else None


def _line(path: Path) -> str | None:
    """The first line of a small file; None where the system does not have it, or refuses it."""
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None
