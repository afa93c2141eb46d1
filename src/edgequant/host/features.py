"""Which instructions of this processor decide the kernels that the runtimes choose."""

from __future__ import annotations

import platform
import subprocess

from .machine import cpu_flags

# flag as the kernel names it -> what it is for
FEATURES = {
    "avx2": "256-bit integers",
    "avx512f": "512-bit vectors",
    "avx_vnni": "VNNI: 8-bit dot products",
    "avx512_vnni": "VNNI: 8-bit dot products, 512 bits",
    "amx_int8": "AMX: 8-bit matrices",
    "amx_bf16": "AMX: bfloat16 matrices",
    "asimddp": "dot product: 8-bit dot products",
    "i8mm": "I8MM: 8-bit matrices",
    "asimdhp": "half-precision arithmetic",
    "sve": "scalable vectors",
}
APPLE = {
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_FP16": "asimdhp",
}


def cpu_features() -> list[str] | None:
    """Those of `FEATURES` that this processor has, by name; None where the system does not tell."""
    if platform.system() == "Darwin":
        return _apple()
    flags = cpu_flags()
    return [name for name in FEATURES if name in flags] if flags else None


def _apple() -> list[str] | None:
    try:
        said = subprocess.run(["sysctl", *APPLE], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    return [name for key, name in APPLE.items() if lines.get(key) == "1"]
