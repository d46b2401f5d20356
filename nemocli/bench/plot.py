"""The curve of throughput over latency as a picture, drawn by matplotlib."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from nemocli.bench.sweep import SweepPoint
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.whole_file import write_whole_file

MARKERS = {0: "o", 3: "s", 6: "^", 13: "D"}


def check_plottable(path: Path) -> None:
    """Raise UnsupportedError without matplotlib, and UsageError for an unknown extension."""
    if find_spec("matplotlib") is None:
        raise UnsupportedError(
            "The curve is drawn by matplotlib, which is not installed: pip install 'nemocli[bench]'"
        )
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.filetypes
    if path.suffix[1:].lower() not in known:
        raise UsageError(f"{path} should end in .png, .svg or .pdf.")


def write_plot(points: Sequence[SweepPoint], title: str, path: Path) -> None:
    """Write the picture, whole or not at all; NemocliError if it cannot be written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    series = list(dict.fromkeys(point.series for point in points))
    for name, lookahead in dict.fromkeys((point.series, point.lookahead) for point in points):
        line = [p for p in points if (p.series, p.lookahead) == (name, lookahead)]
        axes.plot(
            [p.latency_ms for p in line],
            [p.speed for p in line],
            marker=MARKERS.get(lookahead, "x"),
            color=f"C{series.index(name) % 10}",
            label=f"{name}, lookahead {lookahead}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("latency in ms: the sound that a call waits for, and the call")
    axes.set_ylabel("times as quick as real time")
    axes.set_title(title)
    axes.grid(visible=True, which="both", alpha=0.3)
    if points:
        figure.legend(loc="outside right upper", fontsize="small")
    picture = BytesIO()
    figure.savefig(picture, dpi=150, format=path.suffix[1:].lower())
    try:
        write_whole_file(path, picture.getvalue())
    except OSError as error:
        raise NemocliError(f"{path} cannot be written: {error.strerror}.") from None
