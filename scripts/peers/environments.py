"""A virtual environment for each peer, with versions that are known to work together."""

import subprocess
import sys
from pathlib import Path

#: torch is named by its version alone, so that pip's settings choose between its builds: with
#: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu it takes the one for processors.
REQUIREMENTS = {
    "transformers": ("transformers==5.23.0", "torch==2.13.0", "numpy==2.4.6"),
    "sherpa-onnx": ("sherpa-onnx==2.0.1", "numpy==2.4.6"),
    # Only exports for sherpa-onnx.
    "nemo": (
        "nemo_toolkit[asr]==3.0.0",
        "torch==2.13.0",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
    ),
}


def python_of(work: Path, name: str) -> Path:
    """The Python of the environment in `work`, which is made now if it is not there yet."""
    folder = work / "environments" / name
    python = folder / "bin" / "python"
    wanted = "\n".join(REQUIREMENTS[name])
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Installing {', '.join(REQUIREMENTS[name])} into {folder} ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, *REQUIREMENTS[name]], check=True)
    stamp.write_text(wanted)
    return python
