"""What this machine's processor can do, as far as onnxruntime has to be told."""

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def multiplies_signed_weights() -> bool:
    """Whether products of unsigned activations and signed weights are summed without overflow.

    x86 without VNNI adds two of them in 16 bits, which is too few. Other processors add in 32.
    What cannot be found out is taken for the worse.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        flags = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags
