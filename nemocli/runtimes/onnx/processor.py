"""The processor's abilities that onnxruntime's options depend on."""

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def multiplies_signed_weights() -> bool:
    """Tell whether products of unsigned activations and signed weights add without overflow.

    x86 without VNNI adds two of them in 16 bits, which is too few; other processors add in 32. The
    answer is no if it cannot be found out.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        flags = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags
